/** Chance as a capability: rooms that decide are handed it, so that tests and `explain` can repeat a decision. */
export interface Random {
	/** A whole number in `[0, n)`; `n` is at least 1 and at most 2^32. */
	below(n: number): number;
	/** A number in `[0, 1)`. */
	unit(): number;
}

export const systemRandom: Random = {
	below: (n) => Math.floor(Math.random() * n),
	unit: () => Math.random(),
};

/** The same sequence for the same seed (mulberry32); for tests, simulations and printed seeds. */
export function seededRandom(seed: number): Random {
	let state = seed >>> 0;
	const unit = () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
	return { unit, below: (n) => Math.floor(unit() * n) };
}
