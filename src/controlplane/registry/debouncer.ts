import type { Clock } from "../../lib/clock.ts";

export interface DebounceOptions {
	/** Runs the task when nothing was asked for so long... */
	readonly quietMs: number;
	/** ...or so long after the first request, whatever comes. */
	readonly maxMs: number;
}

/** Gathers requests that come close together into one run of a task. */
export class Debouncer {
	readonly #clock: Clock;
	readonly #options: DebounceOptions;
	readonly #task: (waitedMs: number) => void;
	#firstMs: number | undefined;
	#cancel = () => {};

	constructor(clock: Clock, options: DebounceOptions, task: (waitedMs: number) => void) {
		this.#clock = clock;
		this.#options = options;
		this.#task = task;
	}

	request(): void {
		const now = this.#clock.nowMs();
		this.#firstMs ??= now;
		const left = this.#firstMs + this.#options.maxMs - now;
		this.#cancel();
		this.#cancel = this.#clock.after(Math.max(0, Math.min(this.#options.quietMs, left)), () => this.#run());
	}

	stop(): void {
		this.#cancel();
		this.#firstMs = undefined;
	}

	#run(): void {
		const waitedMs = this.#clock.nowMs() - (this.#firstMs ?? this.#clock.nowMs());
		this.#firstMs = undefined;
		this.#task(waitedMs);
	}
}
