import type { Histogram } from "./metrics.ts";

const EXACT = 100;
const PER_DECADE = 90;
const DECADES = 10;

/** The quantiles that Envoy prints for a histogram in `/stats`. */
export const ENVOY_QUANTILES = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1] as const;

/** A histogram's counts; `bins` as its class keeps them. */
export interface HistogramSnapshot {
	readonly count: number;
	readonly sum: number;
	readonly bins: readonly (Float64Array | undefined)[];
}

/**
 * Whole numbers counted in bins of two significant digits, exact below 100 (the resolution of Envoy's own histograms).
 * Recording is an array increment; a decade's bins are allocated when a value first falls into it.
 */
export class LogLinearHistogram implements Histogram {
	count = 0;
	sum = 0;
	readonly #decades: (Float64Array | undefined)[] = [];

	record(value: number): void {
		let mantissa = value > 0 ? Math.floor(value) : 0;
		this.count++;
		this.sum += mantissa;
		let decade = 0;
		while (mantissa >= EXACT && decade < DECADES) {
			mantissa = Math.floor(mantissa / 10);
			decade++;
		}
		let bins = this.#decades[decade];
		if (!bins) {
			bins = new Float64Array(decade === 0 ? EXACT : PER_DECADE);
			this.#decades[decade] = bins;
		}
		bins[decade === 0 ? mantissa : Math.min(mantissa, 99) - 10]!++;
	}

	/** Numbers recorded at most `bound`, to the resolution of the bins; for Prometheus' cumulative buckets. */
	countAtMost(bound: number): number {
		let total = 0;
		this.#eachBin((low, _width, count) => {
			if (low <= bound) total += count;
		});
		return total;
	}

	/** The value below which the share `quantile` (0..1) of the records lies, interpolated in its bin; NaN when empty. */
	quantile(quantile: number): number {
		if (this.count === 0) return Number.NaN;
		const wanted = quantile * this.count;
		let seen = 0;
		let answer = Number.NaN;
		let last = 0;
		this.#eachBin((low, width, count) => {
			last = low + width;
			if (Number.isNaN(answer) && seen + count >= wanted && (wanted > 0 || count > 0))
				answer = low + width * ((wanted - seen) / count);
			seen += count;
		});
		return Number.isNaN(answer) ? last : answer;
	}

	/** All that it holds, for `absorb` on another thread. */
	snapshot(): HistogramSnapshot {
		return { count: this.count, sum: this.sum, bins: this.#decades };
	}

	/** Adds what another one holds. */
	absorb({ count, sum, bins }: HistogramSnapshot): void {
		this.count += count;
		this.sum += sum;
		for (const [decade, theirs] of bins.entries()) {
			if (!theirs) continue;
			const own = this.#decades[decade] ?? new Float64Array(theirs.length);
			this.#decades[decade] = own;
			for (let i = 0; i < theirs.length; i++) own[i]! += theirs[i]!;
		}
	}

	#eachBin(visit: (low: number, width: number, count: number) => void): void {
		for (const [decade, bins] of this.#decades.entries()) {
			if (!bins) continue;
			const scale = 10 ** decade;
			const first = decade === 0 ? 0 : 10;
			for (let i = 0; i < bins.length; i++)
				if (bins[i]! > 0) visit((i + first) * scale, decade === 0 && i === 0 ? 0 : scale, bins[i]!);
		}
	}
}
