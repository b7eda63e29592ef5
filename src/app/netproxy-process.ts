import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Clock } from "../lib/clock.ts";
import { type Problem, ProblemError } from "../lib/problem.ts";
import type { DataFolder } from "./data-folder.ts";
import { packageRoot } from "./package-root.ts";
import { identifyProcess, isAlive, type ProcessIdentity } from "./process-identity.ts";

const READY_DEADLINE_MS = 15_000;
const RESTART_DELAY_MS = 500;
const WATCH_MS = 500;
const STOP_DEADLINE_MS = 5000;

interface Recorded extends ProcessIdentity {
	readonly addressBlock: number;
}

/** The one message of a netproxy process that has come up, or could not for what the user can mend. */
export interface NetproxyReport {
	readonly problems: readonly Problem[];
}

/** The netproxy process as long as it is looked after. */
export interface SupervisedNetproxy {
	/** Ends the process. */
	stop(): Promise<void>;
	/** Looks after it no longer and leaves it running. */
	letGo(): void;
}

/**
 * Keeps one netproxy process for the folder: adopts the living one of an earlier mesh process, starts one otherwise, and again when it
 * dies. Resolves when its doors are open.
 */
export async function superviseNetproxy(
	folder: DataFolder,
	addressBlock: number,
	deps: { clock: Clock; onRestart(failure: unknown): void },
): Promise<SupervisedNetproxy> {
	let current = recorded(folder);
	if (!current || !isAlive(current) || current.addressBlock !== addressBlock) {
		if (current && isAlive(current)) await stopProcess(current, deps.clock);
		current = await startProcess(folder, addressBlock);
	}
	let stopped = false;
	let cancel = () => {};
	let checking: Promise<void> | undefined;
	const watch = () => {
		if (stopped) return;
		cancel = deps.clock.after(WATCH_MS, () => {
			checking = check();
		});
	};
	const check = async () => {
		if (!stopped && !isAlive(current!)) {
			await new Promise<void>((resolve) => deps.clock.after(RESTART_DELAY_MS, resolve));
			try {
				if (stopped) return;
				current = await startProcess(folder, addressBlock);
				deps.onRestart(undefined);
			} catch (error) {
				deps.onRestart(error);
			}
		}
		watch();
	};
	watch();
	const letGo = () => {
		stopped = true;
		cancel();
	};
	return {
		letGo,
		async stop() {
			letGo();
			await checking; // one that is just being started is there when this ends
			await stopProcess(current!, deps.clock);
			rmSync(folder.netproxyState, { force: true });
		},
	};
}

/** The address block that a living netproxy of the folder holds; undefined when there is none. */
export function heldAddressBlock(folder: DataFolder): number | undefined {
	const left = recorded(folder);
	return left && isAlive(left) ? left.addressBlock : undefined;
}

/** Ends a netproxy that no mesh process looks after; answers whether there was one. */
export async function stopStrayNetproxy(folder: DataFolder, clock: Clock): Promise<boolean> {
	const left = recorded(folder);
	rmSync(folder.netproxyState, { force: true });
	if (!left || !isAlive(left)) return false;
	await stopProcess(left, clock);
	return true;
}

function recorded(folder: DataFolder): Recorded | undefined {
	try {
		return JSON.parse(readFileSync(folder.netproxyState, "utf8")) as Recorded;
	} catch (error) {
		if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
}

async function startProcess(folder: DataFolder, addressBlock: number): Promise<Recorded> {
	const log = openSync(join(folder.logs, "netproxy.log"), "a", 0o600);
	const child = spawn(
		process.execPath,
		[join(packageRoot(), "dist", "netproxy.mjs"), folder.kubeconfig, String(addressBlock)],
		{
			detached: true,
			stdio: ["ignore", log, log, "pipe"],
		},
	);
	closeSync(log);
	const ready = child.stdio[3] as Readable;
	await new Promise<void>((resolve, reject) => {
		const fail = (why: string) =>
			reject(new Error(`the netproxy process did not come up (${why}); see ${join(folder.logs, "netproxy.log")}`));
		const deadline = setTimeout(() => fail("deadline"), READY_DEADLINE_MS);
		child.once("error", (error) => fail(error.message));
		child.once("close", (code, signal) => fail(signal ?? `exit code ${code}`)); // after what it had to say was read
		ready.once("data", (report: Buffer) => {
			clearTimeout(deadline);
			const { problems } = JSON.parse(report.toString()) as NetproxyReport;
			if (problems.length === 0) resolve();
			else reject(new ProblemError(problems));
		});
	});
	ready.destroy();
	child.unref();
	const identity = { ...identifyProcess(child.pid!), addressBlock };
	writeFileSync(folder.netproxyState, JSON.stringify(identity), { mode: 0o600 });
	return identity;
}

async function stopProcess(identity: ProcessIdentity, clock: Clock): Promise<void> {
	process.kill(identity.pid, "SIGTERM");
	const startedMs = clock.nowMs();
	while (isAlive(identity)) {
		if (clock.nowMs() - startedMs > STOP_DEADLINE_MS) process.kill(identity.pid, "SIGKILL");
		await new Promise<void>((resolve) => clock.after(20, resolve));
	}
}
