/** How a stream came to its end. */
export const CLOSED = {
	/** Not remembered, or never opened. */
	unknown: 0,
	/** Both sides had sent all, or the peer reset it. */
	ended: 1,
	/** We reset it: what the peer had already sent is to be ignored. */
	resetByUs: 2,
} as const;

const REMEMBERED = 1024;

/** Remembers how the last streams ended, in one small ring; writing is cheap, and only frames that come too late are looked up. */
export class ClosedStreams {
	#ids: Int32Array | undefined = undefined;
	#how: Uint8Array | undefined = undefined;
	#next = 0;

	note(streamId: number, how: number): void {
		this.#ids ??= new Int32Array(REMEMBERED);
		this.#how ??= new Uint8Array(REMEMBERED);
		this.#ids[this.#next] = streamId;
		this.#how[this.#next] = how;
		this.#next = (this.#next + 1) % REMEMBERED;
	}

	of(streamId: number): number {
		const at = this.#ids?.indexOf(streamId) ?? -1;
		return at < 0 ? CLOSED.unknown : this.#how![at]!;
	}
}
