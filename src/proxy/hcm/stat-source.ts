import type { Counter, Gauge, Histogram } from "../../telemetry/metrics.ts";

/** Where instruments come from, by full Envoy stat name; the same name gives the same instrument. */
export interface StatSource {
	counter(name: string): Counter;
	gauge(name: string): Gauge;
	histogram(name: string): Histogram;
}
