import { TUNNEL } from "../../codec/message-parser.ts";
import { formatLastChunk, formatResponseHead } from "../../codec/serialise.ts";
import type { Transport } from "../../codec/transport.ts";
import type { HeaderCase } from "../../http/header-case.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";

/** Writes the answers of a connection, one after the other: chooses the framing that the client understands and keeps to it. */
export class Http1ResponseWriter {
	readonly #transport: Transport;
	readonly #case: HeaderCase;
	/** Field lines of the current head. */
	fieldBytes = 0;
	#chunked = false;
	#bodiless = false;

	constructor(transport: Transport, headerCase: HeaderCase) {
		this.#transport = transport;
		this.#case = headerCase;
	}

	/** True when only the end of the connection can tell the end of this answer. */
	static needsClose(request: RequestHead, contentLength: number): boolean {
		return contentLength === TUNNEL || (contentLength < 0 && request.protocol === "HTTP/1.0");
	}

	/** `contentLength` as in `message-parser.ts`; `close`: the connection ends after this answer. */
	head(
		request: RequestHead,
		response: ResponseHead,
		{ contentLength, close }: { contentLength: number; close: boolean },
	): void {
		const http10 = request.protocol === "HTTP/1.0";
		const { status, headers } = response;
		let lines = "";
		if (close && contentLength !== TUNNEL) lines = "connection: close\r\n";
		else if (http10 && !close) lines = "connection: keep-alive\r\n";
		this.#chunked = false;
		this.#bodiless = request.method === "HEAD" || status === 204 || status === 304;
		// Neither a 204 nor an interim answer has a length (RFC 9110 8.6).
		if (status < 200 || status === 204) headers.remove("content-length");
		else if (contentLength !== TUNNEL && !headers.has("content-length")) {
			lines += this.#lengthLine(request, status, contentLength);
		}
		const text = formatResponseHead(response, lines, this.#case);
		this.fieldBytes = text.length - text.indexOf("\n") - 3;
		this.#transport.send(http10 ? `HTTP/1.0${text.slice(8)}` : text);
	}

	/** The framing of an answer whose head does not tell its length; to HEAD it is Envoy's guess of what a GET would get. */
	#lengthLine({ method, protocol }: RequestHead, status: number, contentLength: number): string {
		if (contentLength === 0 && status === 304) return "";
		if (contentLength === 0 && method !== "HEAD") return "content-length: 0\r\n";
		if (protocol === "HTTP/1.0") return "";
		this.#chunked = !this.#bodiless;
		return "transfer-encoding: chunked\r\n";
	}

	/** Returns how many body bytes were sent. */
	body(buf: Buffer, start: number, end: number): number {
		if (this.#bodiless) return 0;
		if (this.#chunked) {
			this.#transport.send(`${(end - start).toString(16)}\r\n`);
			this.#transport.sendBytes(buf, start, end);
			this.#transport.send("\r\n");
		} else this.#transport.sendBytes(buf, start, end);
		return end - start;
	}

	/** What `finish` will send. */
	endBytes(trailers: HeaderMap | undefined): number {
		return this.#chunked ? formatLastChunk(trailers).length : 0;
	}

	finish(trailers: HeaderMap | undefined): void {
		if (this.#chunked) this.#transport.send(formatLastChunk(trailers));
	}
}
