import { CHUNKED, TUNNEL } from "../codec/message-parser.ts";
import { formatLastChunk } from "../codec/serialise.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { UpstreamChannel } from "../upstream/upstream-user.ts";

const SMALL_BYTES = 4096;

/** The request's body as far as it is kept: until there is a connection, and beyond that for retries and mirrors. */
export class RequestBody {
	/** All of it has come. */
	ended = false;
	trailers: HeaderMap | undefined = undefined;
	/** Some of it has been let go: it cannot be sent again. */
	incomplete = false;
	readonly #length: number;
	readonly #pieces: (string | Buffer)[] = [];
	#bytes = 0;

	/** `length` as in `message-parser.ts`. */
	constructor(length: number) {
		this.#length = length;
	}

	/** What the framing adds to the head. */
	get framingLine(): string {
		return this.#length === CHUNKED ? "transfer-encoding: chunked\r\n" : "";
	}

	get bytes(): number {
		return this.#bytes;
	}

	keep(buf: Buffer, start: number, end: number): void {
		this.#bytes += end - start;
		this.#pieces.push(
			end - start <= SMALL_BYTES ? buf.toString("latin1", start, end) : Buffer.copyBytesFrom(buf, start, end - start),
		);
	}

	letGo(): void {
		this.incomplete = true;
		this.#pieces.length = 0;
		this.#bytes = 0;
	}

	/** Sends what is kept, framed. */
	sendKept(connection: UpstreamChannel): void {
		for (const piece of this.#pieces) {
			const buf = typeof piece === "string" ? Buffer.from(piece, "latin1") : piece;
			this.send(connection, buf, 0, buf.length);
		}
	}

	send(connection: UpstreamChannel, buf: Buffer, start: number, end: number): void {
		const { transport } = connection;
		if (this.#length === CHUNKED) {
			transport.send(`${(end - start).toString(16)}\r\n`);
			transport.sendBytes(buf, start, end);
			transport.send("\r\n");
		} else transport.sendBytes(buf, start, end);
	}

	/** Ends the request on the wire. */
	sendEnd(connection: UpstreamChannel): void {
		if (this.#length === CHUNKED) connection.transport.send(formatLastChunk(this.trailers));
		else if (this.#length === TUNNEL) connection.transport.end();
		connection.finishRequest();
	}
}
