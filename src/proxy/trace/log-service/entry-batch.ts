import type { Clock } from "../../../lib/clock.ts";
import type { Counter } from "../../../telemetry/metrics.ts";

/** How entries wait before they are sent (Envoy: CommonGrpcAccessLogConfig). */
export interface BatchLimits {
	readonly flushMs: number;
	/** So many bytes are sent at once; 0: each entry by itself. */
	readonly maxBytes: number;
}

export interface BatchDeps<Entry> extends BatchLimits {
	readonly clock: Clock;
	readonly written: Counter;
	readonly dropped: Counter;
	sizeOf(entry: Entry): number;
	/** False: nothing can be sent now, the entries are kept. */
	send(entries: readonly Entry[]): boolean;
}

/** Entries on their way: sent when there are enough bytes, at the latest when the interval is over. Entries that find it full are dropped. */
export class EntryBatch<Entry> {
	readonly #deps: BatchDeps<Entry>;
	#entries: Entry[] = [];
	#bytes = 0;
	#cancelTimer: (() => void) | undefined;

	constructor(deps: BatchDeps<Entry>) {
		this.#deps = deps;
	}

	add(entry: Entry): void {
		const { maxBytes, written, dropped, sizeOf, clock, flushMs } = this.#deps;
		if (maxBytes > 0 && this.#bytes >= maxBytes) this.flush();
		if (maxBytes > 0 && this.#bytes >= maxBytes) {
			dropped.inc();
			return;
		}
		written.inc();
		this.#entries.push(entry);
		this.#bytes += sizeOf(entry);
		if (this.#bytes >= maxBytes) this.flush();
		else this.#cancelTimer ??= clock.after(flushMs, () => this.flush());
	}

	flush(): void {
		this.#cancelTimer?.();
		this.#cancelTimer = undefined;
		if (this.#entries.length === 0 || !this.#deps.send(this.#entries)) return;
		this.#entries = [];
		this.#bytes = 0;
	}
}
