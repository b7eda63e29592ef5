import type { StatScope } from "../../telemetry/metric-registry.ts";
import type { Counter } from "../../telemetry/metrics.ts";
import type { ClusterStats } from "./cluster.ts";

/** Binds Envoy's `cluster.<name>.*` stats in a scope. */
export function clusterStats(scope: StatScope): ClusterStats {
	const byCode: (Counter | undefined)[] = [];
	const byClass: (Counter | undefined)[] = [];
	const completed = scope.counter("upstream_rq_completed");
	return {
		upstreamRqTotal: scope.counter("upstream_rq_total"),
		upstreamRqActive: scope.gauge("upstream_rq_active"),
		upstreamRqCompleted: completed,
		countStatus(status) {
			const ofClass = Math.floor(status / 100);
			byCode[status] ??= scope.counter(`upstream_rq_${status}`);
			byClass[ofClass] ??= scope.counter(`upstream_rq_${ofClass}xx`);
			byCode[status].inc();
			byClass[ofClass].inc();
		},
		upstreamRqTime: scope.histogram("upstream_rq_time"),
		upstreamRqTimeout: scope.counter("upstream_rq_timeout"),
		upstreamRqPerTryTimeout: scope.counter("upstream_rq_per_try_timeout"),
		upstreamRqRetry: scope.counter("upstream_rq_retry"),
		upstreamRqRetrySuccess: scope.counter("upstream_rq_retry_success"),
		upstreamRqRetryOverflow: scope.counter("upstream_rq_retry_overflow"),
		upstreamRqRetryLimitExceeded: scope.counter("upstream_rq_retry_limit_exceeded"),
		upstreamRqPendingTotal: scope.counter("upstream_rq_pending_total"),
		upstreamRqPendingOverflow: scope.counter("upstream_rq_pending_overflow"),
		upstreamRqPendingFailureEject: scope.counter("upstream_rq_pending_failure_eject"),
		upstreamRqCancelled: scope.counter("upstream_rq_cancelled"),
		upstreamRqRxReset: scope.counter("upstream_rq_rx_reset"),
		upstreamRqTxReset: scope.counter("upstream_rq_tx_reset"),
		upstreamCxTotal: scope.counter("upstream_cx_total"),
		upstreamCxActive: scope.gauge("upstream_cx_active"),
		upstreamCxConnectFail: scope.counter("upstream_cx_connect_fail"),
		upstreamCxConnectTimeout: scope.counter("upstream_cx_connect_timeout"),
		upstreamCxOverflow: scope.counter("upstream_cx_overflow"),
		upstreamCxDestroy: scope.counter("upstream_cx_destroy"),
		upstreamCxMaxRequests: scope.counter("upstream_cx_max_requests"),
		upstreamCxRxBytesTotal: scope.counter("upstream_cx_rx_bytes_total"),
		upstreamCxTxBytesTotal: scope.counter("upstream_cx_tx_bytes_total"),
		membershipTotal: scope.gauge("membership_total"),
		membershipHealthy: scope.gauge("membership_healthy"),
		lbHealthyPanic: scope.counter("lb_healthy_panic"),
	};
}
