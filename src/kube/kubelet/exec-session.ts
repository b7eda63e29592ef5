import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import type { RawData, WebSocket } from "ws";
import type { ContainerRunner } from "./container-runner.ts";
import { endExec, spawnExec } from "./exec-process.ts";
import { Refusal } from "./refusal.ts";

/** Subprotocols of Kubernetes' exec over WebSocket, best first (v5 adds "stdin is at its end"). */
export const EXEC_PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const;
/** Above this much unsent output the command is not read any further. */
const MAX_BUFFERED_BYTES = 1 << 20;
const PING_MS = 10_000;

export interface ExecQuery {
	readonly command: readonly string[];
	readonly stdin: boolean;
	readonly stdout: boolean;
	readonly stderr: boolean;
	readonly tty: boolean;
}

/** Takes the API server's names (`stdin`) and the kubelet's (`input`). */
export function parseExecQuery(query: URLSearchParams): ExecQuery {
	const command = query.getAll("command");
	const is = (...names: string[]) => names.some((name) => ["1", "true"].includes(query.get(name) ?? ""));
	if (command.length === 0) throw new Refusal(400, "you must specify at least 1 command");
	const tty = is("tty");
	return {
		command,
		stdin: is("stdin", "input"),
		stdout: is("stdout", "output"),
		stderr: is("stderr", "error") && !tty,
		tty,
	};
}

/**
 * Runs one command in a container over a WebSocket: each message is a channel byte and data. A terminal is not emulated:
 * with `tty` stderr goes to stdout and the size is ignored, so line editing and full-screen programs do not work.
 */
export async function serveExec(socket: WebSocket, runner: ContainerRunner, query: ExecQuery): Promise<void> {
	const context = runner.execContext;
	if (!context) return finish(socket, failure(`container not running (${runner.container.name})`));
	let child: ChildProcess;
	try {
		child = await spawnExec(query.command, context);
	} catch (error) {
		return finish(socket, notStarted(query.command, error));
	}
	if (socket.readyState !== socket.OPEN) return endExec(child);
	const pinger = setInterval(() => socket.ping(), PING_MS);
	socket.on("message", (data: RawData) => onMessage(child, query, asBuffer(data)));
	socket.once("close", () => {
		clearInterval(pinger);
		endExec(child);
	});
	socket.on("error", () => endExec(child)); // a broken frame: ws closes the socket itself
	if (!query.stdin) child.stdin?.end();
	if (child.stdout) relay(child.stdout, socket, query.stdout || query.tty ? CHANNEL.stdout : undefined);
	const stderrChannel = query.tty ? CHANNEL.stdout : query.stderr ? CHANNEL.stderr : undefined;
	if (child.stderr) relay(child.stderr, socket, stderrChannel);
	const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
		child.once("close", (exitCode, name) => resolve([exitCode, name])),
	);
	clearInterval(pinger);
	finish(socket, exitStatus(code ?? 137, signal));
}

function onMessage(child: ChildProcess, query: ExecQuery, message: Buffer): void {
	if (message[0] === CHANNEL.stdin && query.stdin) child.stdin?.write(message.subarray(1));
	if (message[0] === CHANNEL.close && message[1] === CHANNEL.stdin) child.stdin?.end();
}

/** Without a channel the output is read and dropped, so that the command does not stall. */
function relay(stream: Readable, socket: WebSocket, channel: number | undefined): void {
	stream.on("data", (chunk: Buffer) => {
		if (channel === undefined || socket.readyState !== socket.OPEN) return;
		socket.send(Buffer.concat([Buffer.of(channel), chunk]), () => {
			if (stream.isPaused() && socket.bufferedAmount < MAX_BUFFERED_BYTES) stream.resume();
		});
		if (socket.bufferedAmount > MAX_BUFFERED_BYTES) stream.pause();
	});
}

function finish(socket: WebSocket, status: object): void {
	if (socket.readyState !== socket.OPEN) return;
	socket.send(Buffer.concat([Buffer.of(CHANNEL.status), Buffer.from(JSON.stringify(status))]), () =>
		socket.close(1000),
	);
}

function exitStatus(code: number, signal: string | null): object {
	if (code === 0 && signal === null) return { metadata: {}, status: "Success" };
	return {
		metadata: {},
		status: "Failure",
		message: `command terminated with exit code ${code}`,
		reason: "NonZeroExitCode",
		details: { causes: [{ reason: "ExitCode", message: String(code) }] },
	};
}

function failure(message: string): object {
	return { metadata: {}, status: "Failure", reason: "InternalError", message, code: 500 };
}

/** A shell says 127 for a command that is not there and 126 for one that may not be run. */
function notStarted(command: readonly string[], error: unknown): object {
	const code = (error as NodeJS.ErrnoException).code;
	const why =
		code === "ENOENT" ? "executable file not found in $PATH" : error instanceof Error ? error.message : String(error);
	const status = exitStatus(code === "ENOENT" ? 127 : 126, null);
	return { ...status, message: `exec: "${command[0]}": ${why}` };
}

function asBuffer(data: RawData): Buffer {
	if (Buffer.isBuffer(data)) return data;
	return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
