import type { HistogramSnapshot } from "./log-linear-histogram.ts";
import type { Histogram } from "./metrics.ts";

/** Upper bounds (`le`) that Envoy and Istio use for every histogram in Prometheus' format; milliseconds or bytes. */
export const DEFAULT_BUCKETS: readonly number[] = [
	0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
];

/** A Prometheus histogram with fixed upper bounds (ascending); counts are kept per bucket and summed when read. */
export class BucketHistogram implements Histogram {
	readonly bounds: readonly number[];
	count = 0;
	sum = 0;
	readonly #counts: Float64Array;

	constructor(bounds: readonly number[] = DEFAULT_BUCKETS) {
		this.bounds = bounds;
		this.#counts = new Float64Array(bounds.length + 1);
	}

	record(value: number): void {
		let i = 0;
		while (i < this.bounds.length && value > this.bounds[i]!) i++;
		this.#counts[i]!++;
		this.count++;
		this.sum += value;
	}

	/** Cumulative counts, one per bound. */
	cumulative(): number[] {
		let total = 0;
		return this.bounds.map((_, i) => {
			total += this.#counts[i]!;
			return total;
		});
	}

	/** All that it holds, for `absorb` on another thread. */
	snapshot(): HistogramSnapshot {
		return { count: this.count, sum: this.sum, bins: [this.#counts] };
	}

	/** Adds what one with the same bounds holds. */
	absorb({ count, sum, bins }: HistogramSnapshot): void {
		this.count += count;
		this.sum += sum;
		const theirs = bins[0]!;
		for (let i = 0; i < theirs.length; i++) this.#counts[i]! += theirs[i]!;
	}

	reset(): void {
		this.#counts.fill(0);
		this.count = 0;
		this.sum = 0;
	}
}
