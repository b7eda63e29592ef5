import type { ForwardStream } from "../forward/forward-stream.ts";
import type { HeaderMap } from "../http/header-map.ts";

/** What came in of a request while a filter held it: at most what one read brought, since reading stops then. */
export class HeldBody {
	readonly #pieces: Buffer[] = [];
	#ended = false;
	#trailers: HeaderMap | undefined = undefined;

	keep(buf: Buffer, start: number, end: number): void {
		this.#pieces.push(Buffer.copyBytesFrom(buf, start, end - start));
	}

	end(trailers: HeaderMap | undefined): void {
		this.#ended = true;
		this.#trailers = trailers;
	}

	replay(forward: ForwardStream): void {
		for (const piece of this.#pieces) forward.onBody(piece, 0, piece.length);
		if (this.#ended) forward.onEnd(this.#trailers);
	}
}
