import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { TLSSocket } from "node:tls";
import { stringify } from "yaml";
import { type ApiError, badRequest, entityTooLarge } from "./api-error.ts";

/** Kubernetes' own limit for request bodies. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** HTTP/1.1 or HTTP/2: the server serves both on one port. */
export type RawRequest = IncomingMessage | Http2ServerRequest;
export type RawResponse = ServerResponse | Http2ServerResponse;

/** One request and its answer. Nothing here knows resources. */
export class Exchange {
	readonly method: string;
	/** Decoded, without query. */
	readonly path: string;
	readonly query: URLSearchParams;
	readonly auditId = randomUUID();
	readonly #request: RawRequest;
	readonly #response: RawResponse;
	readonly #warnings: string[] = [];

	constructor(request: RawRequest, response: RawResponse) {
		this.#request = request;
		this.#response = response;
		this.method = request.method ?? "GET";
		const { path, query } = splitTarget(request.url ?? "/");
		this.path = path;
		this.query = query;
	}

	get socket(): TLSSocket {
		return this.#request.socket as TLSSocket;
	}

	get answered(): boolean {
		return this.#response.headersSent;
	}

	header(name: string): string | undefined {
		const value = this.#request.headers[name];
		return Array.isArray(value) ? value.join(", ") : value;
	}

	/** The whole body; throws 413 beyond 3 MiB. */
	async readBody(): Promise<Buffer> {
		const chunks: Buffer[] = [];
		let size = 0;
		for await (const chunk of this.#request) {
			size += (chunk as Buffer).length;
			if (size > MAX_BODY_BYTES) throw entityTooLarge(MAX_BODY_BYTES);
			chunks.push(chunk as Buffer);
		}
		return Buffer.concat(chunks);
	}

	/** Adds a `Warning:` header to the answer, which kubectl prints. */
	warn(text: string): void {
		if (!this.#warnings.includes(text)) this.#warnings.push(text);
	}

	/** Answers with a JSON text. */
	sendJson(code: number, json: string, headers: Readonly<Record<string, string>> = {}): void {
		this.send(code, json, { "content-type": "application/json", ...headers });
	}

	/** Answers with a value in the format asked for. */
	sendValue(code: number, value: unknown, format: "json" | "yaml"): void {
		if (format === "json") this.sendJson(code, JSON.stringify(value));
		else this.send(code, stringify(value, { lineWidth: 0 }), { "content-type": "application/yaml" });
	}

	sendError(error: ApiError): void {
		const { status } = error;
		const retryAfter = status.details?.retryAfterSeconds;
		const headers: Record<string, string> = {};
		if (retryAfter !== undefined) headers["retry-after"] = String(retryAfter);
		this.sendJson(status.code, JSON.stringify(status), headers);
	}

	send(code: number, body: string | Buffer, headers: Readonly<Record<string, string>>): void {
		const bytes = typeof body === "string" ? Buffer.from(body) : body;
		this.#writeHead(code, { ...headers, "content-length": String(bytes.length) });
		if (this.method === "HEAD") this.#response.end();
		else this.#response.end(bytes);
	}

	/** 304: what the client has is still right. */
	sendNotModified(headers: Readonly<Record<string, string>>): void {
		this.#writeHead(304, headers);
		this.#response.end();
	}

	/** 301: the same document is found elsewhere on this server. */
	sendRedirect(location: string): void {
		this.send(301, "", { location });
	}

	/** Begins a streamed answer; headers leave at once. */
	stream(headers: Readonly<Record<string, string>>): AnswerStream {
		this.#writeHead(200, headers);
		const response = this.#response as ServerResponse; // the two classes have the same members as far as used here
		response.flushHeaders();
		return {
			write: (chunk) => response.write(chunk),
			end: () => {
				response.end();
			},
			bufferedBytes: () => response.writableLength,
			destroy: () => {
				response.destroy();
			},
			onDrain: (listener) => {
				response.on("drain", listener);
			},
			// Not the request's `close`: that comes as soon as its empty body is read.
			onClose: (listener) => {
				response.on("close", listener);
			},
		};
	}

	/** Closes the connection of an answer that cannot be finished. */
	abort(): void {
		(this.#response as ServerResponse).destroy();
	}

	#writeHead(code: number, headers: Readonly<Record<string, string>>): void {
		const response = this.#response as ServerResponse;
		response.statusCode = code;
		response.setHeader("audit-id", this.auditId);
		response.setHeader("cache-control", "no-cache, private");
		if (this.#warnings.length > 0) response.setHeader("warning", this.#warnings.map(formatWarning));
		for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
	}
}

/** An answer that is written bit by bit. */
export interface AnswerStream {
	write(chunk: string | Buffer): boolean;
	end(): void;
	bufferedBytes(): number;
	destroy(): void;
	onDrain(listener: () => void): void;
	onClose(listener: () => void): void;
}

/** Path (percent-decoded by segment later) and query of a request target. */
export function splitTarget(target: string): { path: string; query: URLSearchParams } {
	const mark = target.indexOf("?");
	const path = mark < 0 ? target : target.slice(0, mark);
	return { path, query: new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1)) };
}

/** Segments of a path, percent-decoded; throws 400 for a malformed escape. */
export function splitPath(path: string): string[] {
	try {
		return path
			.split("/")
			.filter((segment) => segment !== "")
			.map(decodeURIComponent);
	} catch (cause) {
		throw badRequest("the request path is not valid percent-encoding", { cause });
	}
}

function formatWarning(text: string): string {
	// A header field holds no line breaks, and Node writes Latin-1: anything else would be mangled or refused.
	const safe = text.replace(/[^\x20-\x7e]/g, "?").replace(/[\\"]/g, "\\$&");
	return `299 - "${safe}"`;
}
