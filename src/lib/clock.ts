/** Time as a capability: rooms that decide are handed a clock, so that tests own time. */
export interface Clock {
	/** Monotonic milliseconds, fractional; only differences mean something. */
	nowMs(): number;
	/** Wall clock, milliseconds since the epoch. */
	epochMs(): number;
	/** Runs `task` once after `delayMs`; the returned function cancels it. */
	after(delayMs: number, task: () => void): () => void;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Readings of a held clock before it looks again: a turn with the work of many requests does not stand still. */
const READINGS_PER_LOOK = 48;
const { performance } = globalThis;

/**
 * The machine's time. While it is held (the work of one turn: what one read of a socket brought) it looks once and answers with that,
 * because each request asks a dozen times.
 */
class SystemClock implements Clock {
	#held = false;
	#nowMs = 0;
	#epochMs = 0;
	#readingsLeft = 0;

	nowMs(): number {
		if (!this.#held) return performance.now();
		if (this.#readingsLeft-- <= 0) this.#look();
		return this.#nowMs;
	}

	epochMs(): number {
		if (!this.#held) return Date.now();
		if (this.#readingsLeft-- <= 0) this.#look();
		return this.#epochMs;
	}

	/** A turn begins; `release` ends it. */
	hold(): void {
		this.#held = true;
		this.#readingsLeft = 0;
	}

	release(): void {
		this.#held = false;
	}

	after(delayMs: number, task: () => void): () => void {
		if (delayMs > LONGEST_TIMER_MS) return this.#afterLong(delayMs, task);
		const timer = setTimeout(task, delayMs);
		return () => clearTimeout(timer);
	}

	/** Node's timers hold 31 bits of milliseconds and take more for none at all: longer waits are made of several. */
	#afterLong(delayMs: number, task: () => void): () => void {
		let cancel = () => {};
		const wait = (leftMs: number) => {
			const nextMs = Math.min(leftMs, LONGEST_TIMER_MS);
			cancel = this.after(nextMs, leftMs > nextMs ? () => wait(leftMs - nextMs) : task);
		};
		wait(delayMs);
		return () => cancel();
	}

	#look(): void {
		this.#readingsLeft = READINGS_PER_LOOK;
		this.#nowMs = performance.now();
		this.#epochMs = Date.now();
	}
}

export const systemClock: SystemClock = new SystemClock();

/** A clock that moves only when told; timers fire in order of their due time. */
export class ManualClock implements Clock {
	#now = 0;
	#epochAtZero: number;
	#timers: { due: number; seq: number; task: () => void }[] = [];
	#seq = 0;

	constructor(epochAtZeroMs = 0) {
		this.#epochAtZero = epochAtZeroMs;
	}

	nowMs(): number {
		return this.#now;
	}

	epochMs(): number {
		return this.#epochAtZero + this.#now;
	}

	after(delayMs: number, task: () => void): () => void {
		const timer = { due: this.#now + Math.max(0, delayMs), seq: this.#seq++, task };
		this.#timers.push(timer);
		return () => {
			this.#timers = this.#timers.filter((t) => t !== timer);
		};
	}

	/** Moves time forward and runs what falls due on the way, including timers set by those tasks. */
	advance(byMs: number): void {
		const target = this.#now + byMs;
		for (;;) {
			const next = this.#timers.filter((t) => t.due <= target).sort((a, b) => a.due - b.due || a.seq - b.seq)[0];
			if (!next) break;
			this.#timers = this.#timers.filter((t) => t !== next);
			this.#now = next.due;
			next.task();
		}
		this.#now = target;
	}
}
