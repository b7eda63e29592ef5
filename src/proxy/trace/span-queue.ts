import type { Clock } from "../../lib/clock.ts";
import type { Span } from "./span.ts";

/** Sends a batch of finished spans to a collector. */
export type SendSpans = (spans: readonly Span[]) => void;

/** Envoy's runtime defaults `tracing.<driver>.min_flush_spans` and `flush_interval_ms`. */
const FLUSH_MS = 5000;

export interface SpanQueueOptions {
	readonly clock: Clock;
	/** So many spans are sent at once. */
	readonly batch: number;
	readonly send: SendSpans;
	/** The time was up, whether there was something to send or not. */
	onTimer(): void;
}

/** Finished spans on their way: sent when there are enough, at the latest after 5 s. */
export class SpanQueue {
	readonly #options: SpanQueueOptions;
	#spans: Span[] = [];
	#cancelTimer: (() => void) | undefined;

	constructor(options: SpanQueueOptions) {
		this.#options = options;
	}

	add(span: Span): void {
		this.#spans.push(span);
		if (this.#spans.length >= this.#options.batch) this.#flush();
		else this.#cancelTimer ??= this.#options.clock.after(FLUSH_MS, () => this.#timeUp());
	}

	#timeUp(): void {
		this.#cancelTimer = undefined;
		this.#options.onTimer();
		this.#flush();
	}

	#flush(): void {
		this.#cancelTimer?.();
		this.#cancelTimer = undefined;
		const spans = this.#spans;
		if (spans.length === 0) return;
		this.#spans = [];
		this.#options.send(spans);
	}
}
