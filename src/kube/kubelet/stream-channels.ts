import type { RawData, WebSocket } from "ws";

/** Subprotocols of Kubernetes' streams over WebSocket, best first (v5 adds "stdin is at its end"). */
export const STREAM_PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

/** First byte of every message. */
export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const;

/** Which streams the client takes part in. */
export interface Streams {
	readonly stdin: boolean;
	readonly stdout: boolean;
	readonly stderr: boolean;
	readonly tty: boolean;
}

/** Takes the API server's names (`stdin`) and the kubelet's (`input`). */
export function parseStreams(query: URLSearchParams): Streams {
	const is = (...names: string[]) => names.some((name) => ["1", "true"].includes(query.get(name) ?? ""));
	const tty = is("tty");
	return {
		stdin: is("stdin", "input"),
		stdout: is("stdout", "output"),
		stderr: is("stderr", "error") && !tty,
		tty,
	};
}

/** Sends bytes on a channel unless the client has gone. */
export function send(socket: WebSocket, channel: number, bytes: Buffer, done?: () => void): void {
	if (socket.readyState === socket.OPEN) socket.send(Buffer.concat([Buffer.of(channel), bytes]), done);
}

/** Tells how it went (a meta/v1 Status) and closes. */
export function finish(socket: WebSocket, status: object): void {
	send(socket, CHANNEL.status, Buffer.from(JSON.stringify(status)), () => socket.close(1000));
}

/** The Status of a command that ended. */
export function exitStatus(code: number, signal: string | null): object {
	if (code === 0 && signal === null) return { metadata: {}, status: "Success" };
	return {
		metadata: {},
		status: "Failure",
		message: `command terminated with exit code ${code}`,
		reason: "NonZeroExitCode",
		details: { causes: [{ reason: "ExitCode", message: String(code) }] },
	};
}

/** The Status of a session that could not begin. */
export function failure(message: string): object {
	return { metadata: {}, status: "Failure", reason: "InternalError", message, code: 500 };
}

/** One message's bytes. */
export function asBuffer(data: RawData): Buffer {
	if (Buffer.isBuffer(data)) return data;
	return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
