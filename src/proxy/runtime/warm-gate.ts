import type { Clock } from "../../lib/clock.ts";

/** Nobody waits for clusters longer than this. */
const PATIENCE_MS = 15_000;

/**
 * Keeps routes and listeners back while clusters are warming, in order, so that no request is sent to a cluster that is not
 * there yet.
 */
export class WarmGate {
	readonly #clock: Clock;
	readonly #isWarm: () => boolean;
	#held: (() => void)[] = [];
	#cancelPatience = () => {};

	constructor(clock: Clock, isWarm: () => boolean) {
		this.#clock = clock;
		this.#isWarm = isWarm;
	}

	/** Now, when every cluster is warm and nothing is held back before it; else later. */
	whenWarm(task: () => void): void {
		if (this.#held.length === 0 && this.#isWarm()) {
			task();
			return;
		}
		if (this.#held.length === 0) this.#cancelPatience = this.#clock.after(PATIENCE_MS, () => this.open());
		this.#held.push(task);
	}

	/** Lets through what is held; to be called when the last cluster is warm. */
	open(): void {
		this.#cancelPatience();
		const held = this.#held;
		this.#held = [];
		for (const task of held) task();
	}
}
