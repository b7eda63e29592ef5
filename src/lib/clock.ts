/** Time as a capability: rooms that decide are handed a clock, so that tests own time. */
export interface Clock {
	/** Monotonic milliseconds, fractional; only differences mean something. */
	nowMs(): number;
	/** Wall clock, milliseconds since the epoch. */
	epochMs(): number;
	/** Runs `task` once after `delayMs`; the returned function cancels it. */
	after(delayMs: number, task: () => void): () => void;
}

export const systemClock: Clock = {
	nowMs: () => performance.now(),
	epochMs: () => Date.now(),
	after(delayMs, task) {
		const timer = setTimeout(task, delayMs);
		return () => clearTimeout(timer);
	},
};

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
