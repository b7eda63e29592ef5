import type { Metrics, StatScope } from "../../telemetry/metric-registry.ts";
import type { Counter, Gauge } from "../../telemetry/metrics.ts";

const COUNTERS = {
	cxTotal: "downstream_cx_total",
	cxHttp1Total: "downstream_cx_http1_total",
	cxHttp2Total: "downstream_cx_http2_total",
	cxDestroy: "downstream_cx_destroy",
	cxDestroyRemote: "downstream_cx_destroy_remote",
	cxDestroyLocal: "downstream_cx_destroy_local",
	cxDestroyActiveRq: "downstream_cx_destroy_active_rq",
	cxDestroyRemoteActiveRq: "downstream_cx_destroy_remote_active_rq",
	cxDestroyLocalActiveRq: "downstream_cx_destroy_local_active_rq",
	cxProtocolError: "downstream_cx_protocol_error",
	cxIdleTimeout: "downstream_cx_idle_timeout",
	cxMaxDurationReached: "downstream_cx_max_duration_reached",
	cxMaxRequestsReached: "downstream_cx_max_requests_reached",
	cxDelayedCloseTimeout: "downstream_cx_delayed_close_timeout",
	cxDrainClose: "downstream_cx_drain_close",
	cxUpgradesTotal: "downstream_cx_upgrades_total",
	cxRxBytesTotal: "downstream_cx_rx_bytes_total",
	cxTxBytesTotal: "downstream_cx_tx_bytes_total",
	rqTotal: "downstream_rq_total",
	rqHttp1Total: "downstream_rq_http1_total",
	rqHttp2Total: "downstream_rq_http2_total",
	rqTooManyPrematureResets: "downstream_rq_too_many_premature_resets",
	rqOverloadClose: "downstream_rq_overload_close",
	cxOverloadDisableKeepalive: "downstream_cx_overload_disable_keepalive",
	rqRxReset: "downstream_rq_rx_reset",
	rqTxReset: "downstream_rq_tx_reset",
	rqTimeout: "downstream_rq_timeout",
	rqRejectedWithUnderscores: "downstream_rq_rejected_with_underscores",
	droppedWithUnderscores: "downstream_rq_dropped_headers_with_underscores",
	rqMaxDurationReached: "downstream_rq_max_duration_reached",
	rqHeaderTimeout: "downstream_rq_header_timeout",
	rqTooLarge: "downstream_rq_too_large",
	rsTooLarge: "rs_too_large",
	rqIdleTimeout: "downstream_rq_idle_timeout",
	rqResponseBeforeComplete: "downstream_rq_response_before_rq_complete",
	rqFailedPathNormalization: "downstream_rq_failed_path_normalization",
	rqNonRelativePath: "downstream_rq_non_relative_path",
	rqUpgradeRefused: "downstream_rq_ws_on_non_ws_route",
	noRoute: "no_route",
	noCluster: "no_cluster",
	rqRouted: "rq_total",
	rqDirectResponse: "rq_direct_response",
	rqRedirect: "rq_redirect",
	redirectBadLocation: "passthrough_internal_redirect_bad_location",
	redirectUnsafeScheme: "passthrough_internal_redirect_unsafe_scheme",
	redirectTooMany: "passthrough_internal_redirect_too_many_redirects",
	redirectNoRoute: "passthrough_internal_redirect_no_route",
	redirectPredicate: "passthrough_internal_redirect_predicate",
} as const;

const GAUGES = {
	cxActive: "downstream_cx_active",
	cxHttp1Active: "downstream_cx_http1_active",
	cxHttp2Active: "downstream_cx_http2_active",
	cxUpgradesActive: "downstream_cx_upgrades_active",
	rqActive: "downstream_rq_active",
} as const;

/** Envoy's `http.<stat_prefix>.` stats of one connection manager, bound once. */
export type HcmStats = { readonly [K in keyof typeof COUNTERS]: Counter } & {
	readonly [K in keyof typeof GAUGES]: Gauge;
} & {
	/** A response's head, interim ones too: `downstream_rq_completed`, `downstream_rq_2xx`, and the listener's copies of them. */
	countResponse(status: number): void;
	readonly rqTime: { record(ms: number): void };
	readonly cxLengthMs: { record(ms: number): void };
	release(): void;
};

export function hcmStats(metrics: Pick<Metrics, "scope">, statPrefix: string, listener: string | undefined): HcmStats {
	const scope = metrics.scope(`http.${statPrefix}.`);
	const ofListener = listener === undefined ? undefined : metrics.scope(`listener.${listener}.http.${statPrefix}.`);
	const own = responseCounters(scope);
	const copies = ofListener && responseCounters(ofListener);
	const counters = Object.entries(COUNTERS).map(([key, name]) => [key, scope.counter(name)]);
	const gauges = Object.entries(GAUGES).map(([key, name]) => [key, scope.gauge(name)]);
	return {
		...(Object.fromEntries(counters) as Record<keyof typeof COUNTERS, Counter>),
		...(Object.fromEntries(gauges) as Record<keyof typeof GAUGES, Gauge>),
		countResponse(status) {
			const ofClass = Math.floor(status / 100);
			own.completed.inc();
			own.classes[ofClass]?.inc();
			if (!copies) return;
			copies.completed.inc();
			copies.classes[ofClass]?.inc();
		},
		rqTime: scope.histogram("downstream_rq_time"),
		cxLengthMs: scope.histogram("downstream_cx_length_ms"),
		release: () => {
			scope.release();
			ofListener?.release();
		},
	};
}

function responseCounters(scope: StatScope) {
	const ofClass = (n: number) => (n === 0 ? undefined : scope.counter(`downstream_rq_${n}xx`));
	return { completed: scope.counter("downstream_rq_completed"), classes: [0, 1, 2, 3, 4, 5].map(ofClass) };
}
