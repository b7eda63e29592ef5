const SIZE = 624;
const SHIFT = 397;

/** MT19937 (Matsumoto, Nishimura 1998) as C++'s std::mt19937: the same sequence for the same 32-bit seed. */
export class MersenneTwister {
	readonly #state = new Uint32Array(SIZE);
	#at = SIZE;

	constructor(seed: number) {
		const state = this.#state;
		state[0] = seed;
		for (let i = 1; i < SIZE; i++) {
			const last = state[i - 1]! ^ (state[i - 1]! >>> 30);
			state[i] = Math.imul(last, 1_812_433_253) + i;
		}
	}

	/** The next number, 0 to 2^32 - 1. */
	next(): number {
		if (this.#at === SIZE) this.#twist();
		let y = this.#state[this.#at++]!;
		y ^= y >>> 11;
		y ^= (y << 7) & 0x9d2c5680;
		y ^= (y << 15) & 0xefc60000;
		return (y ^ (y >>> 18)) >>> 0;
	}

	/** A number in `[0, n)`, each with the same chance; drawn as Envoy's bounded-load balancer does. */
	below(n: number): number {
		const width = Math.floor(2 ** 32 / n);
		for (;;) {
			const drawn = Math.floor(this.next() / width);
			if (drawn < n) return drawn;
		}
	}

	#twist(): void {
		const state = this.#state;
		for (let i = 0; i < SIZE; i++) {
			const y = (state[i]! & 0x80000000) | (state[(i + 1) % SIZE]! & 0x7fffffff);
			state[i] = state[(i + SHIFT) % SIZE]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
		}
		this.#at = 0;
	}
}
