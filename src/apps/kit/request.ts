import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Socket } from "node:net";

const MAX_BODY_BYTES = 10 * 1024 * 1024;

/** One incoming request as handlers see it. */
export interface AppRequest {
	readonly method: string;
	/** Path and query as they came. */
	readonly target: string;
	/** The path alone, still percent-encoded. */
	readonly path: string;
	readonly query: URLSearchParams;
	/** Decoded path parameters of the matched route. */
	readonly params: Readonly<Record<string, string>>;
	readonly headers: IncomingHttpHeaders;
	/** Names and values alternating, as on the wire. */
	readonly rawHeaders: readonly string[];
	readonly remoteAddress: string;
	/** `1.1` or `2.0`. */
	readonly httpVersion: string;
	readonly socket: Socket;
	/** The whole body; rejects above 10 MiB. */
	body(): Promise<Buffer>;
}

export function appRequest(message: IncomingMessage): AppRequest {
	const target = message.url ?? "/";
	const mark = target.indexOf("?");
	return {
		method: message.method ?? "GET",
		target,
		path: mark < 0 ? target : target.slice(0, mark),
		query: new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1)),
		params: {},
		headers: message.headers,
		rawHeaders: message.rawHeaders,
		remoteAddress: message.socket.remoteAddress ?? "",
		httpVersion: message.httpVersion,
		socket: message.socket,
		body: () => readBody(message),
	};
}

/** A header's value as one text, or undefined. */
export function header(request: AppRequest, name: string): string | undefined {
	const value = request.headers[name];
	return Array.isArray(value) ? value.join(", ") : value;
}

/** All bytes of a message; rejects when they are more than 10 MiB. */
export async function readBody(message: AsyncIterable<Buffer>): Promise<Buffer> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of message) {
		bytes += chunk.length;
		if (bytes > MAX_BODY_BYTES) throw new Error(`body is larger than ${MAX_BODY_BYTES} bytes`);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks);
}
