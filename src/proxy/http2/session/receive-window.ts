/**
 * What the peer may still send: bytes are credited as they are consumed, and told to the peer in large steps only (half a window), so that
 * WINDOW_UPDATE frames are rare.
 */
export class ReceiveWindow {
	readonly #size: number;
	#left: number;
	/** Consumed and not yet told to the peer. */
	#credit = 0;

	constructor(size: number) {
		this.#size = size;
		this.#left = size;
	}

	/** False when the peer has sent more than it may. */
	take(bytes: number): boolean {
		this.#left -= bytes;
		return this.#left >= 0;
	}

	/** Notes bytes as consumed; returns the increment to send now, or 0. */
	consume(bytes: number): number {
		this.#credit += bytes;
		if (this.#credit * 2 < this.#size) return 0;
		const increment = this.#credit;
		this.#credit = 0;
		this.#left += increment;
		return increment;
	}
}
