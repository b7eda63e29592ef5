import type { FramePayload } from "../frame/frame-reader.ts";

const MAX_FRAMES = 64;

/** Puts a field block together that comes in several frames; bounded, because nothing of it can be used before its end. */
export class BlockAssembler {
	streamId = 0;
	endStream = false;
	readonly #maxBytes: number;
	readonly #pieces: Buffer[] = [];
	#bytes = 0;

	constructor(maxBytes: number) {
		this.#maxBytes = maxBytes;
	}

	/** A block has begun whose end has not come. */
	get open(): boolean {
		return this.streamId !== 0;
	}

	begin(streamId: number, endStream: boolean): void {
		this.streamId = streamId;
		this.endStream = endStream;
	}

	/** False: longer than a block may be. */
	add({ buf, start, end }: FramePayload): boolean {
		this.#bytes += end - start;
		if (this.#bytes > this.#maxBytes || this.#pieces.length >= MAX_FRAMES) return false;
		this.#pieces.push(Buffer.copyBytesFrom(buf, start, end - start));
		return true;
	}

	/** The whole block; the assembler is free again. */
	take(): Buffer {
		const block = Buffer.concat(this.#pieces);
		this.#pieces.length = 0;
		this.#bytes = 0;
		this.streamId = 0;
		return block;
	}
}
