import type { Metrics } from "../../../telemetry/metric-registry.ts";

/** Envoy's `tcp.<stat_prefix>.*`. */
export function tcpProxyStats(metrics: Pick<Metrics, "scope">, statPrefix: string) {
	const scope = metrics.scope(`tcp.${statPrefix}.`);
	return {
		total: scope.counter("downstream_cx_total"),
		noRoute: scope.counter("downstream_cx_no_route"),
		rxBytes: scope.counter("downstream_cx_rx_bytes_total"),
		txBytes: scope.counter("downstream_cx_tx_bytes_total"),
		pausedReading: scope.counter("downstream_flow_control_paused_reading_total"),
		resumedReading: scope.counter("downstream_flow_control_resumed_reading_total"),
		idleTimeout: scope.counter("idle_timeout"),
		maxDuration: scope.counter("max_downstream_connection_duration"),
		flushTotal: scope.counter("upstream_flush_total"),
		flushActive: scope.gauge("upstream_flush_active"),
	};
}

export type TcpProxyStats = ReturnType<typeof tcpProxyStats>;
