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
	/** As in `message-parser.ts`. */
	readonly length: number;
	readonly #pieces: (string | Buffer)[] = [];
	#bytes = 0;

	constructor(length: number) {
		this.length = length;
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

	/** Sends what is kept. */
	sendKept(channel: UpstreamChannel): void {
		for (const piece of this.#pieces) {
			const buf = typeof piece === "string" ? Buffer.from(piece, "latin1") : piece;
			channel.sendBody(buf, 0, buf.length);
		}
	}

	/** What is kept. */
	kept(): Buffer[] {
		return this.#pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece, "latin1") : piece));
	}
}
