import type { StatScope } from "../../telemetry/metric-registry.ts";
import type { Counter } from "../../telemetry/metrics.ts";
import { bindHttp2Stats, type Http2Stats } from "../http/http2-stats.ts";
import type { ClusterStats } from "./cluster.ts";

/** What is counted of requests to an upstream, for a cluster and for a route alike. */
export type UpstreamRequestStats = Pick<
	ClusterStats,
	| "upstreamRqTotal"
	| "upstreamRqCompleted"
	| "countStatus"
	| "upstreamRqTime"
	| "upstreamRqTimeout"
	| "upstreamRqRetry"
	| "upstreamRqRetrySuccess"
	| "upstreamRqRetryOverflow"
	| "upstreamRqRetryLimitExceeded"
>;

/** Binds the stats of requests in a scope. */
export function upstreamRequestStats(scope: StatScope): UpstreamRequestStats {
	const byCode: (Counter | undefined)[] = [];
	const byClass: (Counter | undefined)[] = [];
	return {
		upstreamRqTotal: scope.counter("upstream_rq_total"),
		upstreamRqCompleted: scope.counter("upstream_rq_completed"),
		countStatus(status) {
			const ofClass = Math.floor(status / 100);
			byCode[status] ??= scope.counter(`upstream_rq_${status}`);
			byClass[ofClass] ??= scope.counter(`upstream_rq_${ofClass}xx`);
			byCode[status].inc();
			byClass[ofClass].inc();
		},
		upstreamRqTime: scope.histogram("upstream_rq_time"),
		upstreamRqTimeout: scope.counter("upstream_rq_timeout"),
		upstreamRqRetry: scope.counter("upstream_rq_retry"),
		upstreamRqRetrySuccess: scope.counter("upstream_rq_retry_success"),
		upstreamRqRetryOverflow: scope.counter("upstream_rq_retry_overflow"),
		upstreamRqRetryLimitExceeded: scope.counter("upstream_rq_retry_limit_exceeded"),
	};
}

/** Binds Envoy's `cluster.<name>.*` stats in a scope. */
export function clusterStats(scope: StatScope): ClusterStats {
	let http2: Http2Stats | undefined;
	return {
		...upstreamRequestStats(scope),
		get http2() {
			http2 ??= bindHttp2Stats(scope, "http2.");
			return http2;
		},
		upstreamRqActive: scope.gauge("upstream_rq_active"),
		upstreamRqPerTryTimeout: scope.counter("upstream_rq_per_try_timeout"),
		upstreamRqPendingTotal: scope.counter("upstream_rq_pending_total"),
		upstreamRqPendingOverflow: scope.counter("upstream_rq_pending_overflow"),
		upstreamRqPendingFailureEject: scope.counter("upstream_rq_pending_failure_eject"),
		upstreamRqCancelled: scope.counter("upstream_rq_cancelled"),
		upstreamRqRxReset: scope.counter("upstream_rq_rx_reset"),
		upstreamRqTxReset: scope.counter("upstream_rq_tx_reset"),
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
		upstreamCxMaxRequests: scope.counter("upstream_cx_max_requests"),
		upstreamCxMaxDurationReached: scope.counter("upstream_cx_max_duration_reached"),
		upstreamCxRxBytesTotal: scope.counter("upstream_cx_rx_bytes_total"),
		upstreamCxTxBytesTotal: scope.counter("upstream_cx_tx_bytes_total"),
		membershipTotal: scope.gauge("membership_total"),
		membershipHealthy: scope.gauge("membership_healthy"),
		lbHealthyPanic: scope.counter("lb_healthy_panic"),
	};
}
