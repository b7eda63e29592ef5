/** Messages for a stream that takes an async iterable; `close` ends the stream after what was pushed before. */
export class RequestQueue<T> implements AsyncIterable<T> {
	readonly #waiting: T[] = [];
	#wake: (() => void) | undefined;
	#closed = false;

	push(messages: readonly T[]): void {
		if (this.#closed) return;
		this.#waiting.push(...messages);
		this.#wake?.();
	}

	close(): void {
		this.#closed = true;
		this.#wake?.();
	}

	async *[Symbol.asyncIterator](): AsyncGenerator<T> {
		for (;;) {
			for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) yield next;
			if (this.#closed) return;
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
			this.#wake = undefined;
		}
	}
}
