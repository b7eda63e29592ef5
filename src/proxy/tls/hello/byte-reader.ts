/** Reads big-endian fields off a buffer; a read beyond the end makes `broken` true and yields nothing. */
export class ByteReader {
	readonly #bytes: Buffer;
	#at: number;
	readonly #end: number;
	broken = false;

	constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
		this.#bytes = bytes;
		this.#at = start;
		this.#end = end;
	}

	get left(): number {
		return this.#end - this.#at;
	}

	/** An unsigned number of 1 to 4 bytes; 0 when they are not there. */
	number(size: number): number {
		if (!this.#take(size)) return 0;
		return this.#bytes.readUIntBE(this.#at - size, size);
	}

	/** The next `size` bytes, not copied. */
	bytes(size: number): Buffer {
		if (!this.#take(size)) return Buffer.alloc(0);
		return this.#bytes.subarray(this.#at - size, this.#at);
	}

	/** A part whose length stands before it in `lengthSize` bytes. */
	part(lengthSize: number): ByteReader {
		const size = this.number(lengthSize);
		if (!this.#take(size)) return new ByteReader(this.#bytes, 0, 0);
		return new ByteReader(this.#bytes, this.#at - size, this.#at);
	}

	/** The rest as text whose characters are bytes. */
	text(): string {
		return this.bytes(this.left).toString("latin1");
	}

	#take(size: number): boolean {
		if (this.broken || size > this.left) {
			this.broken = true;
			return false;
		}
		this.#at += size;
		return true;
	}
}
