/** What is to be sent on a stream: filled by pushes, drained by the transport as fast as the client reads. */
export class OutboundQueue<T> implements AsyncIterable<T> {
	readonly #items: T[] = [];
	#wake: (() => void) | undefined;
	#end: { readonly error: Error | undefined } | undefined;

	push(item: T): void {
		if (this.#end) return;
		this.#items.push(item);
		this.#wake?.();
	}

	/** Ends the stream after what is queued, with an error or without; the first end counts. */
	end(error?: Error): void {
		this.#end ??= { error };
		this.#wake?.();
	}

	async *[Symbol.asyncIterator](): AsyncGenerator<T> {
		for (;;) {
			const item = this.#items.shift();
			if (item !== undefined) yield item;
			else if (this.#end) {
				if (this.#end.error) throw this.#end.error;
				return;
			} else await this.#more();
		}
	}

	#more(): Promise<void> {
		return new Promise((resolve) => {
			this.#wake = () => {
				this.#wake = undefined;
				resolve();
			};
		});
	}
}
