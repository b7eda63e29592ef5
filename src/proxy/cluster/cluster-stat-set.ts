import type { StatScope } from "../../telemetry/metric-registry.ts";
import type { Counter } from "../../telemetry/metrics.ts";
import { bindHttp2Stats, type Http2Stats } from "../http/http2/http2-stats.ts";
import type { ClusterStats, TrackedStats } from "./cluster.ts";

/** What is counted of requests to an upstream, for a cluster and for a route alike. */
export type UpstreamRequestStats = Pick<
	ClusterStats,
	| "upstreamRqTotal"
	| "countStatus"
	| "upstreamRqTime"
	| "upstreamRqTimeout"
	| "upstreamRqRetry"
	| "upstreamRqRetrySuccess"
	| "upstreamRqRetryOverflow"
	| "upstreamRqRetryLimitExceeded"
>;

/** `upstream_rq_completed`, `upstream_rq_2xx` and `upstream_rq_200` below a prefix (Envoy: CodeStatsImpl); made at first use. */
class StatusCounters {
	readonly #scope: StatScope;
	readonly #prefix: string;
	readonly #byCode: (Counter | undefined)[] = [];
	readonly #byClass: (Counter | undefined)[] = [];
	#completed: Counter | undefined = undefined;

	constructor(scope: StatScope, prefix: string) {
		this.#scope = scope;
		this.#prefix = `${prefix}upstream_rq_`;
	}

	countCompleted(): void {
		this.#completed ??= this.#scope.counter(`${this.#prefix}completed`);
		this.#completed.inc();
	}

	count(status: number): void {
		this.countCompleted();
		// Statuses that HTTP does not know have one counter for all.
		const known = status < 600;
		const ofClass = Math.floor(status / 100);
		this.#byCode[known ? status : 0] ??= this.#scope.counter(`${this.#prefix}${known ? status : "unknown"}`);
		this.#byCode[known ? status : 0]!.inc();
		if (!known) return;
		this.#byClass[ofClass] ??= this.#scope.counter(`${this.#prefix}${ofClass}xx`);
		this.#byClass[ofClass].inc();
	}
}

/** Binds the stats of requests in a scope. */
export function upstreamRequestStats(scope: StatScope): UpstreamRequestStats {
	const statuses = new StatusCounters(scope, "");
	return {
		upstreamRqTotal: scope.counter("upstream_rq_total"),
		countStatus: (status) => statuses.count(status),
		upstreamRqTime: scope.histogram("upstream_rq_time"),
		upstreamRqTimeout: scope.counter("upstream_rq_timeout"),
		upstreamRqRetry: scope.counter("upstream_rq_retry"),
		upstreamRqRetrySuccess: scope.counter("upstream_rq_retry_success"),
		upstreamRqRetryOverflow: scope.counter("upstream_rq_retry_overflow"),
		upstreamRqRetryLimitExceeded: scope.counter("upstream_rq_retry_limit_exceeded"),
	};
}

/** Their names come with requests: so many are known at a time. */
const MOST_ALTERNATIVES = 1000;

/** Of requests, without those that routes have too. */
function requestCounters(scope: StatScope) {
	return {
		upstreamRqRetryBackoffExponential: scope.counter("upstream_rq_retry_backoff_exponential"),
		upstreamRqRetryBackoffRatelimited: scope.counter("upstream_rq_retry_backoff_ratelimited"),
		upstreamRqActive: scope.gauge("upstream_rq_active"),
		upstreamInternalRedirectSucceeded: scope.counter("upstream_internal_redirect_succeeded_total"),
		upstreamInternalRedirectFailed: scope.counter("upstream_internal_redirect_failed_total"),
		retryOrShadowAbandoned: scope.counter("retry_or_shadow_abandoned"),
		upstreamRqPerTryIdleTimeout: scope.counter("upstream_rq_per_try_idle_timeout"),
		upstreamRqMaxDurationReached: scope.counter("upstream_rq_max_duration_reached"),
		upstreamRqPerTryTimeout: scope.counter("upstream_rq_per_try_timeout"),
		upstreamRqPendingTotal: scope.counter("upstream_rq_pending_total"),
		upstreamRqActiveOverflow: scope.counter("upstream_rq_active_overflow"),
		upstreamRqPendingOverflow: scope.counter("upstream_rq_pending_overflow"),
		upstreamRqPendingFailureEject: scope.counter("upstream_rq_pending_failure_eject"),
		upstreamRqCancelled: scope.counter("upstream_rq_cancelled"),
		upstreamRqRxReset: scope.counter("upstream_rq_rx_reset"),
		upstreamRqTxReset: scope.counter("upstream_rq_tx_reset"),
	};
}

function trackedStats(scope: StatScope): TrackedStats {
	return {
		timeoutUsed: scope.histogram("upstream_rq_timeout_budget_percent_used"),
		perTryTimeoutUsed: scope.histogram("upstream_rq_timeout_budget_per_try_percent_used"),
		requestHeadersSize: scope.histogram("upstream_rq_headers_size"),
		requestHeadersCount: scope.histogram("upstream_rq_headers_count"),
		requestBodySize: scope.histogram("upstream_rq_body_size"),
		responseHeadersSize: scope.histogram("upstream_rs_headers_size"),
		responseHeadersCount: scope.histogram("upstream_rs_headers_count"),
		responseBodySize: scope.histogram("upstream_rs_body_size"),
	};
}

/** Binds Envoy's `cluster.<name>.*` stats in a scope. */
export function clusterStats(scope: StatScope): ClusterStats {
	let http2: Http2Stats | undefined;
	let tracked: TrackedStats | undefined;
	const all = new StatusCounters(scope, "");
	const internal = new StatusCounters(scope, "internal.");
	const external = new StatusCounters(scope, "external.");
	const alternatives = new Map<string, StatusCounters>();
	const retried = new StatusCounters(scope, "retry.");
	return {
		...upstreamRequestStats(scope),
		get tracked() {
			tracked ??= trackedStats(scope);
			return tracked;
		},
		get http2() {
			http2 ??= bindHttp2Stats(scope, "http2.");
			return http2;
		},
		countHidden(status, fromInside) {
			all.countCompleted();
			(fromInside ? internal : external).count(status);
		},
		countStatus(status, fromInside) {
			all.count(status);
			(fromInside ? internal : external).count(status);
		},
		alternative(name) {
			let counters = alternatives.get(name);
			if (!counters) {
				if (alternatives.size >= MOST_ALTERNATIVES) alternatives.clear();
				counters = new StatusCounters(scope, `${name}.`);
				alternatives.set(name, counters);
			}
			return counters;
		},
		countRetriedStatus: (status) => retried.count(status),
		...requestCounters(scope),
		upstreamCxTotal: scope.counter("upstream_cx_total"),
		upstreamCxHttp1Total: scope.counter("upstream_cx_http1_total"),
		upstreamCxHttp2Total: scope.counter("upstream_cx_http2_total"),
		upstreamCxCloseNotify: scope.counter("upstream_cx_close_notify"),
		upstreamCxProtocolError: scope.counter("upstream_cx_protocol_error"),
		upstreamCxIdleTimeout: scope.counter("upstream_cx_idle_timeout"),
		upstreamCxActive: scope.gauge("upstream_cx_active"),
		upstreamCxConnectFail: scope.counter("upstream_cx_connect_fail"),
		upstreamCxConnectTimeout: scope.counter("upstream_cx_connect_timeout"),
		upstreamCxNoneHealthy: scope.counter("upstream_cx_none_healthy"),
		upstreamCxConnectAttemptsExceeded: scope.counter("upstream_cx_connect_attempts_exceeded"),
		upstreamCxOverflow: scope.counter("upstream_cx_overflow"),
		upstreamCxDestroy: scope.counter("upstream_cx_destroy"),
		upstreamCxDestroyLocal: scope.counter("upstream_cx_destroy_local"),
		upstreamCxDestroyRemote: scope.counter("upstream_cx_destroy_remote"),
		upstreamCxDestroyWithActiveRq: scope.counter("upstream_cx_destroy_with_active_rq"),
		upstreamCxDestroyLocalWithActiveRq: scope.counter("upstream_cx_destroy_local_with_active_rq"),
		upstreamCxDestroyRemoteWithActiveRq: scope.counter("upstream_cx_destroy_remote_with_active_rq"),
		upstreamCxMaxRequests: scope.counter("upstream_cx_max_requests"),
		upstreamCxMaxDurationReached: scope.counter("upstream_cx_max_duration_reached"),
		upstreamCxRxBytesTotal: scope.counter("upstream_cx_rx_bytes_total"),
		upstreamCxTxBytesTotal: scope.counter("upstream_cx_tx_bytes_total"),
		membershipTotal: scope.gauge("membership_total"),
		membershipHealthy: scope.gauge("membership_healthy"),
		lbHealthyPanic: scope.counter("lb_healthy_panic"),
	};
}
