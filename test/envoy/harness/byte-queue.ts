/** Bytes of a connection as they come, for a reader that waits for lines and lengths. */
export class ByteQueue {
	#bytes: Buffer = Buffer.alloc(0);
	#ended = false;
	#wake: (() => void) | undefined;

	push(bytes: Buffer): void {
		this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
		this.#notify();
	}

	end(): void {
		this.#ended = true;
		this.#notify();
	}

	get ended(): boolean {
		return this.#ended;
	}

	/** What came and was not read. */
	get left(): Buffer {
		return this.#bytes;
	}

	/** A line without its end; undefined when the bytes end before it does. */
	async line(): Promise<string | undefined> {
		for (;;) {
			const end = this.#bytes.indexOf(10);
			if (end >= 0) {
				const line = this.#take(end + 1).toString("latin1");
				return line.replace(/\r?\n$/, "");
			}
			if (!(await this.#more())) return undefined;
		}
	}

	/** So many bytes, fewer when they end before. */
	async bytes(length: number): Promise<Buffer> {
		while (this.#bytes.length < length && (await this.#more()));
		return this.#take(Math.min(length, this.#bytes.length));
	}

	/** All there is until the end. */
	async rest(): Promise<Buffer> {
		while (await this.#more());
		return this.#take(this.#bytes.length);
	}

	#take(length: number): Buffer {
		const taken = this.#bytes.subarray(0, length);
		this.#bytes = this.#bytes.subarray(length);
		return taken;
	}

	async #more(): Promise<boolean> {
		if (this.#ended) return false;
		const had = this.#bytes.length;
		await new Promise<void>((resolve) => {
			this.#wake = resolve;
		});
		return this.#bytes.length > had || !this.#ended;
	}

	#notify(): void {
		const wake = this.#wake;
		this.#wake = undefined;
		wake?.();
	}
}
