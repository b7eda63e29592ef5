import type { Metrics } from "../../telemetry/metric-registry.ts";

/** Envoy's `listener.<address or stat_prefix>.*`. */
export function listenerStats(metrics: Pick<Metrics, "scope">, statPrefix: string, worker: number) {
	const scope = metrics.scope(`listener.${statPrefix}.`);
	const own = `worker_${worker}.`;
	return {
		total: scope.counter("downstream_cx_total"),
		active: scope.gauge("downstream_cx_active"),
		workerTotal: scope.counter(`${own}downstream_cx_total`),
		workerActive: scope.gauge(`${own}downstream_cx_active`),
		destroy: scope.counter("downstream_cx_destroy"),
		lengthMs: scope.histogram("downstream_cx_length_ms"),
		handshakeTimeout: scope.counter("downstream_cx_transport_socket_connect_timeout"),
		overflow: scope.counter("downstream_cx_overflow"),
		overloadReject: scope.counter("downstream_cx_overload_reject"),
		globalOverflow: scope.counter("downstream_global_cx_overflow"),
		preActive: scope.gauge("downstream_pre_cx_active"),
		preTimeout: scope.counter("downstream_pre_cx_timeout"),
		filterRemoteClose: scope.counter("downstream_listener_filter_remote_close"),
		filterError: scope.counter("downstream_listener_filter_error"),
		noChain: scope.counter("no_filter_chain_match"),
		release: () => scope.release(),
	};
}

export type ListenerStats = ReturnType<typeof listenerStats>;
