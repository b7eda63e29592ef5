import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import type { WebSocket } from "ws";
import type { ContainerRunner } from "./container-runner.ts";
import { endExec, spawnExec } from "./exec-process.ts";
import { Refusal } from "./refusal.ts";
import { CHANNEL, exitStatus, failure, finish, parseStreams, type Streams, send } from "./stream-channels.ts";
import { Inbox, type WindowSize } from "./stream-inbox.ts";
import { inTerminal } from "./terminal.ts";

/** Above this much unsent output the command is not read any further. */
const MAX_BUFFERED_BYTES = 1 << 20;
const PING_MS = 10_000;

export interface ExecQuery extends Streams {
	readonly command: readonly string[];
}

/** Throws a Refusal when there is no command. */
export function parseExecQuery(query: URLSearchParams): ExecQuery {
	const command = query.getAll("command");
	if (command.length === 0) throw new Refusal(400, "you must specify at least 1 command");
	return { command, ...parseStreams(query) };
}

/** Runs one command in a container over a WebSocket: each message is a channel byte and data. */
export async function serveExec(socket: WebSocket, runner: ContainerRunner, query: ExecQuery): Promise<void> {
	const inbox = new Inbox(socket);
	const size = query.tty ? await inbox.windowSize() : undefined;
	await inbox.clientReady();
	const child = await startCommand(socket, runner, query, size);
	if (!child) return;
	if (socket.readyState !== socket.OPEN) return endExec(child);
	const pinger = setInterval(() => socket.ping(), PING_MS);
	socket.once("close", () => {
		clearInterval(pinger);
		endExec(child);
	});
	connectStreams(child, socket, query, inbox);
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
	size: WindowSize | undefined,
): Promise<ChildProcess | undefined> {
	const context = runner.execContext;
	if (!context) {
		finish(socket, failure(`container not running (${runner.container.name})`));
		return undefined;
	}
	try {
		const command = query.tty ? inTerminal(query.command, size) : query.command;
		return await spawnExec(command, query.tty ? { ...context, env: { TERM: "xterm", ...context.env } } : context);
	} catch (error) {
		const why = `exec: "${query.command[0]}": ${whyNotStarted(error)}`;
		// Clients show the exit code of the status only, so the sentence goes where the command's own would.
		if (query.stderr || query.stdout)
			send(socket, query.stderr ? CHANNEL.stderr : CHANNEL.stdout, Buffer.from(`${why}\n`));
		finish(socket, { ...exitStatus(isMissing(error) ? 127 : 126, null), message: why });
		return undefined;
	}
}

function connectStreams(child: ChildProcess, socket: WebSocket, query: ExecQuery, inbox: Inbox): void {
	inbox.open((message) => onMessage(child, query, message));
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

function whyNotStarted(error: unknown): string {
	if (isMissing(error)) return "executable file not found in $PATH";
	return error instanceof Error ? error.message : String(error);
}

/** A shell says 127 for a command that is not there, 126 for one that may not be run. */
function isMissing(error: unknown): boolean {
	return (error as NodeJS.ErrnoException).code === "ENOENT";
}
