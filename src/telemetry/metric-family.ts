import { BucketHistogram } from "./bucket-histogram.ts";
import type { Counter, Family, Gauge, Histogram } from "./metrics.ts";

/** A counter as a plain field. */
export class CounterCell implements Counter {
	value = 0;
	inc(by = 1): void {
		this.value += by;
	}
}

/** A gauge as a plain field; `used` turns true at the first write (`/stats?usedonly`). */
export class GaugeCell implements Gauge {
	value = 0;
	used = false;
	set(value: number): void {
		this.value = value;
		this.used = true;
	}
	add(by: number): void {
		this.value += by;
		this.used = true;
	}
}

export type FamilyKind = "counter" | "gauge" | "histogram";

export interface FamilyOptions {
	readonly name: string;
	readonly help?: string;
	readonly labels: readonly string[];
	/** Histograms only; ascending upper bounds. */
	readonly buckets?: readonly number[];
	/** Series beyond this share one whose labels all read `overflow`, so that no peer can fill the memory. */
	readonly maxSeries?: number;
}

interface Series<T> {
	readonly labelValues: readonly string[];
	readonly metric: T;
}

const DEFAULT_MAX_SERIES = 10_000;
const OVERFLOW = "overflow";

/** A labelled family: its series by label values, in the order of first use. */
export class MetricFamily<T extends Counter | Gauge | Histogram> implements Family<T> {
	readonly kind: FamilyKind;
	readonly options: FamilyOptions;
	readonly #create: () => T;
	readonly #series = new Map<string, Series<T>>();

	constructor(kind: FamilyKind, options: FamilyOptions, create: () => T) {
		this.kind = kind;
		this.options = options;
		this.#create = create;
	}

	/** The series of these label values, in the order of `options.labels`; throws when their number differs. */
	with(...labelValues: string[]): T {
		const key = labelValues.join("\0");
		const known = this.#series.get(key);
		if (known) return known.metric;
		if (labelValues.length !== this.options.labels.length)
			throw new RangeError(
				`${this.options.name} takes ${this.options.labels.length} label values, got ${labelValues.length}`,
			);
		if (this.#series.size >= (this.options.maxSeries ?? DEFAULT_MAX_SERIES)) return this.#overflow();
		return this.#add(key, labelValues);
	}

	series(): Iterable<Series<T>> {
		return this.#series.values();
	}

	#overflow(): T {
		const labelValues = this.options.labels.map(() => OVERFLOW);
		const key = labelValues.join("\0");
		return this.#series.get(key)?.metric ?? this.#add(key, labelValues);
	}

	#add(key: string, labelValues: readonly string[]): T {
		const metric = this.#create();
		this.#series.set(key, { labelValues, metric });
		return metric;
	}
}

export function counterFamily(options: FamilyOptions): MetricFamily<CounterCell> {
	return new MetricFamily("counter", options, () => new CounterCell());
}

export function gaugeFamily(options: FamilyOptions): MetricFamily<GaugeCell> {
	return new MetricFamily("gauge", options, () => new GaugeCell());
}

export function histogramFamily(options: FamilyOptions): MetricFamily<BucketHistogram> {
	return new MetricFamily("histogram", options, () => new BucketHistogram(options.buckets));
}
