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
	const child = await startCommand(socket, runner, query);
	if (!child) return;
	if (socket.readyState !== socket.OPEN) return endExec(child);
	const pinger = setInterval(() => socket.ping(), PING_MS);
	socket.once("close", () => {
		clearInterval(pinger);
		endExec(child);
	});
	connectStreams(child, socket, query);
	const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
		child.once("close", (exitCode, name) => resolve([exitCode, name])),
	);
	clearInterval(pinger);
	finish(socket, exitStatus(code ?? 137, signal));
}

/** Undefined when it could not be started, which the client has been told then. */
async function startCommand(
	socket: WebSocket,
	runner: ContainerRunner,
	query: ExecQuery,
): Promise<ChildProcess | undefined> {
	const context = runner.execContext;
	if (!context) {
		finish(socket, failure(`container not running (${runner.container.name})`));
		return undefined;
	}
	try {
		return await spawnExec(query.command, context);
	} catch (error) {
		const why = `exec: "${query.command[0]}": ${whyNotStarted(error)}`;
		// Clients show the exit code of the status only, so the sentence goes where the command's own would.
		if (query.stderr || query.stdout)
			send(socket, query.stderr ? CHANNEL.stderr : CHANNEL.stdout, Buffer.from(`${why}\n`));
		finish(socket, { ...exitStatus(isMissing(error) ? 127 : 126, null), message: why });
		return undefined;
	}
}

function connectStreams(child: ChildProcess, socket: WebSocket, query: ExecQuery): void {
	socket.on("message", (data: RawData) => onMessage(child, query, asBuffer(data)));
	socket.on("error", () => endExec(child)); // a broken frame: ws closes the socket itself
	if (!query.stdin) child.stdin?.end();
	const stderrChannel = query.tty ? CHANNEL.stdout : query.stderr ? CHANNEL.stderr : undefined;
	if (child.stdout) relay(child.stdout, socket, query.stdout || query.tty ? CHANNEL.stdout : undefined);
	if (child.stderr) relay(child.stderr, socket, stderrChannel);
}

function onMessage(child: ChildProcess, query: ExecQuery, message: Buffer): void {
	if (message[0] === CHANNEL.stdin && query.stdin) child.stdin?.write(message.subarray(1));
	if (message[0] === CHANNEL.close && message[1] === CHANNEL.stdin) child.stdin?.end();
}

/** Without a channel the output is read and dropped, so that the command does not stall. */
function relay(stream: Readable, socket: WebSocket, channel: number | undefined): void {
	stream.on("data", (chunk: Buffer) => {
		if (channel === undefined) return;
		send(socket, channel, chunk, () => {
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

function whyNotStarted(error: unknown): string {
	if (isMissing(error)) return "executable file not found in $PATH";
	return error instanceof Error ? error.message : String(error);
}

/** A shell says 127 for a command that is not there, 126 for one that may not be run. */
function isMissing(error: unknown): boolean {
	return (error as NodeJS.ErrnoException).code === "ENOENT";
}

function send(socket: WebSocket, channel: number, bytes: Buffer, done?: () => void): void {
	if (socket.readyState === socket.OPEN) socket.send(Buffer.concat([Buffer.of(channel), bytes]), done);
}

function asBuffer(data: RawData): Buffer {
	if (Buffer.isBuffer(data)) return data;
	return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
