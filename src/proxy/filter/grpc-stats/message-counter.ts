const PREFIX_BYTES = 5;

/** Counts the messages of a gRPC body as their prefixes come by (gRPC over HTTP/2: a flag, four bytes of length, the message). */
export class MessageCounter {
	count = 0;
	/** Bytes of the current prefix that have come. */
	#prefix = 0;
	#length = 0;
	/** Bytes of the current message that are still to come. */
	#left = 0;

	/** Returns how many messages began in `data`. */
	inspect(data: Uint8Array): number {
		const before = this.count;
		let at = 0;
		while (at < data.length) {
			if (this.#left > 0) {
				const taken = Math.min(this.#left, data.length - at);
				this.#left -= taken;
				at += taken;
			} else this.#readPrefix(data[at++]!);
		}
		return this.count - before;
	}

	#readPrefix(byte: number): void {
		if (this.#prefix === 0) {
			this.#length = 0;
			this.count++;
		} else this.#length = this.#length * 256 + byte;
		this.#prefix++;
		if (this.#prefix < PREFIX_BYTES) return;
		this.#prefix = 0;
		this.#left = this.#length;
	}
}
