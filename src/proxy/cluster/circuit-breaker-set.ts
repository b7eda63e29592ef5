import type { Gauge } from "../../telemetry/metrics.ts";
import type { CircuitBreakers } from "./cluster.ts";

/** Limits of the default priority (Envoy's defaults: 1024, 1024, 1024, 3). */
export interface ThresholdsConfig {
	readonly maxConnections: number;
	readonly maxPendingRequests: number;
	readonly maxRequests: number;
	readonly maxRetries: number;
	/** Replaces `maxRetries`: retries may be this percentage of active and pending requests, and always this many. */
	readonly retryBudget: { readonly percent: number; readonly minConcurrency: number } | undefined;
	readonly trackRemaining: boolean;
}

export const DEFAULT_THRESHOLDS: ThresholdsConfig = {
	maxConnections: 1024,
	maxPendingRequests: 1024,
	maxRequests: 1024,
	maxRetries: 3,
	retryBudget: undefined,
	trackRemaining: false,
};

interface GaugeSource {
	gauge(name: string): Gauge;
}

/** One counted resource; `open` reads 1 while the limit is reached. */
class Limit {
	used = 0;
	readonly #max: () => number;
	readonly #open: Gauge;
	readonly #remaining: Gauge | undefined;

	constructor(max: () => number, open: Gauge, remaining: Gauge | undefined) {
		this.#max = max;
		this.#open = open;
		this.#remaining = remaining;
		this.#publish();
	}

	try(): boolean {
		if (this.used >= this.#max()) return false;
		this.used++;
		this.#publish();
		return true;
	}

	release(): void {
		if (this.used === 0) throw new Error("a circuit breaker was released more often than taken");
		this.used--;
		this.#publish();
	}

	#publish(): void {
		const left = Math.max(0, this.#max() - this.used);
		const open = left === 0 ? 1 : 0;
		if (this.#open.value !== open) this.#open.set(open);
		this.#remaining?.set(left);
	}
}

/** The breakers of one cluster, with Envoy's `circuit_breakers.default.*` gauges. */
export class CircuitBreakerSet implements CircuitBreakers {
	readonly #connections: Limit;
	readonly #pending: Limit;
	readonly #requests: Limit;
	readonly #retries: Limit;

	constructor(config: ThresholdsConfig, stats: GaugeSource) {
		const limit = (max: () => number, short: string) => {
			const remaining = config.trackRemaining ? stats.gauge(`circuit_breakers.default.remaining_${short}`) : undefined;
			return new Limit(max, stats.gauge(`circuit_breakers.default.${OPEN_NAMES[short]}`), remaining);
		};
		this.#connections = limit(() => config.maxConnections, "cx");
		this.#pending = limit(() => config.maxPendingRequests, "pending");
		this.#requests = limit(() => config.maxRequests, "rq");
		this.#retries = limit(() => this.#maxRetries(config), "retries");
	}

	tryConnection = (): boolean => this.#connections.try();
	releaseConnection = (): void => this.#connections.release();
	tryPending = (): boolean => this.#pending.try();
	releasePending = (): void => this.#pending.release();
	tryRequest = (): boolean => this.#requests.try();
	releaseRequest = (): void => this.#requests.release();
	tryRetry = (): boolean => this.#retries.try();
	releaseRetry = (): void => this.#retries.release();

	#maxRetries({ maxRetries, retryBudget }: ThresholdsConfig): number {
		if (!retryBudget) return maxRetries;
		const active = this.#requests.used + this.#pending.used;
		return Math.max(retryBudget.minConcurrency, Math.floor((active * retryBudget.percent) / 100));
	}
}

const OPEN_NAMES: Readonly<Record<string, string>> = {
	cx: "cx_open",
	pending: "rq_pending_open",
	rq: "rq_open",
	retries: "rq_retry_open",
};
