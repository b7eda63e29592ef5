import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../../lib/clock.ts";
import { signalGroup } from "./process-identity.ts";

/** A command run inside a container: the same environment, folder and tools as its main process. */
export interface ExecContext {
	readonly env: Readonly<Record<string, string>>;
	readonly workingDir: string;
}

export interface ExecResult {
	readonly exitCode: number;
	/** stdout and stderr together, the first 10 kB. */
	readonly output: string;
	readonly timedOut: boolean;
}

const MAX_OUTPUT_BYTES = 10_240;

/** Starts a command in a process group of its own, with pipes. Rejects when it cannot be started (ENOENT...). */
export async function spawnExec(command: readonly string[], context: ExecContext): Promise<ChildProcess> {
	const [file = "", ...args] = command;
	const child = spawn(file, args, { cwd: context.workingDir, env: context.env, detached: true, stdio: "pipe" });
	await new Promise<void>((resolve, reject) => {
		child.once("spawn", resolve);
		child.once("error", reject);
	});
	child.on("error", () => undefined); // a failed kill(): signals go to the group, see endExec
	child.stdin.on("error", () => undefined); // the command does not read (EPIPE): not an error of ours
	return child;
}

/** Ends a command and everything it started. */
export function endExec(child: ChildProcess): void {
	if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
}

/** Runs a command to its end, or to the deadline. */
export async function runExec(
	command: readonly string[],
	context: ExecContext,
	timeoutMs: number,
	clock: Clock,
): Promise<ExecResult> {
	const child = await spawnExec(command, context);
	child.stdin?.end();
	const chunks: Buffer[] = [];
	let size = 0;
	const collect = (chunk: Buffer) => {
		if (size < MAX_OUTPUT_BYTES) chunks.push(chunk);
		size += chunk.length;
	};
	child.stdout?.on("data", collect);
	child.stderr?.on("data", collect);
	let timedOut = false;
	const cancel = clock.after(timeoutMs, () => {
		timedOut = true;
		endExec(child);
	});
	const exitCode = await new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? 137)));
	cancel();
	return { exitCode, output: Buffer.concat(chunks).toString("utf8").slice(0, MAX_OUTPUT_BYTES), timedOut };
}
