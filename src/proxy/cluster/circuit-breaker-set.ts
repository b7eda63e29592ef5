import type { Gauge } from "../../telemetry/metrics.ts";
import type { CircuitBreakers } from "./cluster.ts";

/** Limits of one priority (Envoy's defaults: 1024, 1024, 1024, 3). */
export interface ThresholdsConfig {
	readonly maxConnections: number;
	readonly maxPendingRequests: number;
	readonly maxRequests: number;
	readonly maxRetries: number;
	/** Replaces `maxRetries`: retries may be this percentage of active and pending requests, and always this many. */
	readonly retryBudget: { readonly percent: number; readonly minConcurrency: number } | undefined;
	readonly trackRemaining: boolean;
}

/** The limits of a cluster. */
export interface BreakerConfig {
	readonly default: ThresholdsConfig;
	readonly high: ThresholdsConfig;
	/** Connections to each endpoint (`per_host_thresholds`). */
	readonly maxConnectionsPerHost: number;
}

export const DEFAULT_THRESHOLDS: ThresholdsConfig = {
	maxConnections: 1024,
	maxPendingRequests: 1024,
	maxRequests: 1024,
	maxRetries: 3,
	retryBudget: undefined,
	trackRemaining: false,
};

export const DEFAULT_BREAKERS: BreakerConfig = {
	default: DEFAULT_THRESHOLDS,
	high: DEFAULT_THRESHOLDS,
	maxConnectionsPerHost: Number.MAX_SAFE_INTEGER,
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
		// As in Envoy a limit of 0 is not told as reached before somebody asked.
		remaining?.set(max());
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

/** The breakers of one cluster and priority, with Envoy's `circuit_breakers.<priority>.*` gauges. */
export class CircuitBreakerSet implements CircuitBreakers {
	readonly #connections: Limit;
	readonly #pending: Limit;
	readonly #requests: Limit;
	readonly #retries: Limit;

	constructor(config: ThresholdsConfig, priority: "default" | "high", stats: GaugeSource) {
		const limit = (max: () => number, [open, left]: readonly [string, string]) => {
			const at = `circuit_breakers.${priority}.`;
			return new Limit(
				max,
				stats.gauge(`${at}${open}`),
				config.trackRemaining ? stats.gauge(`${at}remaining_${left}`) : undefined,
			);
		};
		this.#connections = limit(() => config.maxConnections, ["cx_open", "cx"]);
		this.#pending = limit(() => config.maxPendingRequests, ["rq_pending_open", "pending"]);
		this.#requests = limit(() => config.maxRequests, ["rq_open", "rq"]);
		this.#retries = limit(() => this.#maxRetries(config), ["rq_retry_open", "retries"]);
	}

	tryConnection(): boolean {
		return this.#connections.try();
	}

	releaseConnection(): void {
		this.#connections.release();
	}

	tryPending(): boolean {
		return this.#pending.try();
	}

	releasePending(): void {
		this.#pending.release();
	}

	tryRequest(): boolean {
		return this.#requests.try();
	}

	releaseRequest(): void {
		this.#requests.release();
	}

	tryRetry(): boolean {
		return this.#retries.try();
	}

	releaseRetry(): void {
		this.#retries.release();
	}

	#maxRetries({ maxRetries, retryBudget }: ThresholdsConfig): number {
		if (!retryBudget) return maxRetries;
		const active = this.#requests.used + this.#pending.used;
		return Math.max(retryBudget.minConcurrency, Math.floor((active * retryBudget.percent) / 100));
	}
}
