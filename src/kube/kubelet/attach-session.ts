import type { WebSocket } from "ws";
import type { Clock } from "../../lib/clock.ts";
import { readLog } from "./container-log.ts";
import type { ContainerRunner } from "./container-runner.ts";
import { CHANNEL, exitStatus, failure, finish, type Streams, send } from "./stream-channels.ts";
import { Inbox } from "./stream-inbox.ts";

/** What a client is attached to. */
export interface Attachment {
	readonly runner: ContainerRunner;
	readonly logPath: string;
	readonly clock: Clock;
}

const PING_MS = 10_000;
const POLL_MS = 20;
const MAX_BUFFERED_BYTES = 1 << 20;

/**
 * Joins a client to a running container's main process: output from now on (all of it where the container waits for just this client,
 * `stdinOnce`), input where the container has `stdin`. Both outputs come on one channel, line by line.
 */
export async function serveAttach(socket: WebSocket, attachment: Attachment, streams: Streams): Promise<void> {
	const { runner, logPath, clock } = attachment;
	const inbox = new Inbox(socket);
	if (!runner.isRunning) return finish(socket, failure(`container ${runner.container.name} is not running`));
	const left = new AbortController();
	const pinger = setInterval(() => socket.ping(), PING_MS);
	socket.on("error", () => left.abort()); // a broken frame: ws closes the socket itself
	socket.once("close", () => {
		left.abort();
		if (streams.stdin && runner.container.stdinOnce === true) runner.stdin?.end();
	});
	inbox.open((message) => onMessage(runner, streams, message));
	const ended = AbortSignal.any([left.signal, runner.runEnded]);
	const wanted = { follow: true, timestamps: false, ...(runner.container.stdinOnce === true ? {} : { tailLines: 0 }) };
	const channel = streams.stdout || streams.tty ? CHANNEL.stdout : streams.stderr ? CHANNEL.stderr : undefined;
	for await (const text of readLog(logPath, wanted, ended, clock)) {
		if (channel !== undefined) send(socket, channel, Buffer.from(text));
		while (socket.bufferedAmount > MAX_BUFFERED_BYTES && !left.signal.aborted)
			await new Promise<void>((resolve) => void clock.after(POLL_MS, resolve));
	}
	clearInterval(pinger);
	finish(socket, exitStatus(0, null));
}

function onMessage({ stdin }: ContainerRunner, streams: Streams, message: Buffer): void {
	if (!streams.stdin || !stdin?.writable) return;
	if (message[0] === CHANNEL.stdin) stdin.write(message.subarray(1));
	if (message[0] === CHANNEL.close && message[1] === CHANNEL.stdin) stdin.end();
}
