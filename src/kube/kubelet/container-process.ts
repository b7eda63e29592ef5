import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { constants } from "node:os";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import type { Clock } from "../../lib/clock.ts";
import { identify, isAlive, type ProcessIdentity, signalGroup } from "./process-identity.ts";

/** What to run: decided by the launch plan, nothing of it is looked up here. */
export interface Launch {
	readonly argv: readonly string[];
	readonly env: Readonly<Record<string, string>>;
	readonly workingDir: string;
	/** Gets stdout and stderr. */
	readonly logPath: string;
	/** Keep a pipe to its standard input; it is at its end when we are gone. */
	readonly stdin: boolean;
}

/** How a process ended; `exitCode` is 128 + signal for a killed one, as a shell says it. */
export interface Exit {
	readonly exitCode: number;
	readonly signal?: number;
	/** Set when the exit code could not be learnt. */
	readonly unknown?: true;
}

/** A container's main process, leader of its own process group. */
export interface ContainerProcess {
	readonly identity: ProcessIdentity;
	readonly startedAtMs: number;
	readonly exited: Promise<Exit>;
	/** Of a process that was started with `stdin`. */
	readonly stdin?: Writable;
	signal(signal: NodeJS.Signals): void;
}

/** An adopted process is not our child: the system tells us nothing, we have to look. */
const ADOPTED_LOOK_MS = 250;
const SIGKILL_EXIT = 128 + constants.signals.SIGKILL;

/**
 * Starts a process whose output goes straight into the log file, so that it lives on when we do not. Rejects with the
 * system's error (ENOENT, EACCES, ENOSPC...) when it cannot be started.
 */
export async function startProcess(launch: Launch, clock: Clock): Promise<ContainerProcess> {
	mkdirSync(dirname(launch.logPath), { recursive: true });
	const log = openSync(launch.logPath, "a");
	try {
		const [file = "", ...args] = launch.argv;
		const child = spawn(file, args, {
			cwd: launch.workingDir,
			env: launch.env,
			detached: true, // a session and process group of its own
			stdio: [launch.stdin ? "pipe" : "ignore", log, log],
		});
		const exited = new Promise<Exit>((resolve) => {
			child.once("exit", (code, name) => resolve(exitOf(code, name)));
		});
		await new Promise<void>((resolve, reject) => {
			child.once("spawn", resolve);
			child.once("error", reject);
		});
		child.on("error", () => undefined); // only kill() can fail from here on; signals are sent to the group instead
		child.unref();
		child.stdin?.on("error", () => undefined); // it does not read (EPIPE): not an error of ours
		const pid = child.pid ?? 0;
		// It may be gone already: then the mark does not matter, nobody will look for it.
		const identity = identify(pid) ?? { pid, startMark: "" };
		const signal = (name: NodeJS.Signals) => void signalGroup(pid, name);
		return { identity, startedAtMs: clock.epochMs(), exited, signal, ...(child.stdin ? { stdin: child.stdin } : {}) };
	} finally {
		closeSync(log);
	}
}

/** Takes over a process that an earlier kubelet started; undefined when it is gone. */
export function adoptProcess(
	identity: ProcessIdentity,
	startedAtMs: number,
	clock: Clock,
): ContainerProcess | undefined {
	if (!isAlive(identity)) return undefined;
	const exited = new Promise<Exit>((resolve) => {
		const look = () => {
			if (isAlive(identity)) clock.after(ADOPTED_LOOK_MS, look);
			else resolve({ exitCode: SIGKILL_EXIT, unknown: true });
		};
		clock.after(ADOPTED_LOOK_MS, look);
	});
	const signal = (name: NodeJS.Signals) => {
		if (isAlive(identity)) signalGroup(identity.pid, name);
	};
	return { identity, startedAtMs, exited, signal };
}

function exitOf(code: number | null, name: NodeJS.Signals | null): Exit {
	if (name === null) return { exitCode: code ?? 0 };
	const signal = constants.signals[name];
	return { exitCode: 128 + signal, signal };
}
