/** Metrics core: instruments are bound once (name or label look-up), then recording is an addition in a typed array or a field. */

export interface Counter {
	inc(by?: number): void;
	readonly value: number;
}

export interface Gauge {
	set(value: number): void;
	add(by: number): void;
	readonly value: number;
}

export interface Histogram {
	record(value: number): void;
}

/** Labelled families in Prometheus' model (`istio_requests_total`, `pilot_xds_pushes`). `with` is a look-up: keep its result. */
export interface Family<T> {
	with(...labelValues: string[]): T;
}
