import type { JsonObject } from "@bufbuild/protobuf";
import { any, stdoutLog } from "./bootstrap-parts.ts";

/** What scenes of connections log. */
export const TCP_LOG_FIELDS: JsonObject = {
	code: "%RESPONSE_CODE%",
	details: "%RESPONSE_CODE_DETAILS%",
	flags: "%RESPONSE_FLAGS%",
	termination: "%CONNECTION_TERMINATION_DETAILS%",
	closed: "%DOWNSTREAM_LOCAL_CLOSE_REASON%",
	chain: "%FILTER_CHAIN_NAME%",
	cluster: "%UPSTREAM_CLUSTER%",
	host: "%UPSTREAM_HOST%",
	received: "%BYTES_RECEIVED%",
	sent: "%BYTES_SENT%",
	attempts: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
	failure: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
	sni: "%REQUESTED_SERVER_NAME%",
	type: "%ACCESS_LOG_TYPE%",
};

/** tcp_proxy with an access log; `more` may name another cluster. */
export function tcpProxy(cluster: string, more: JsonObject = {}): JsonObject {
	return {
		name: "envoy.filters.network.tcp_proxy",
		typed_config: any("network.tcp_proxy.v3.TcpProxy", {
			stat_prefix: cluster,
			...("weighted_clusters" in more ? {} : { cluster }),
			access_log: [stdoutLog({ json_format: TCP_LOG_FIELDS })],
			...more,
		}),
	};
}

/** A network filter: `networkFilter("rbac", "rbac.v3.RBAC", {...})`. */
export function networkFilter(name: string, type: string, value: JsonObject = {}): JsonObject {
	return { name: `envoy.filters.network.${name}`, typed_config: any(`network.${type}`, value) };
}

/** A listener filter: `listenerFilter("tls_inspector.v3.TlsInspector")`. */
export function listenerFilter(type: string, value: JsonObject = {}, more: JsonObject = {}): JsonObject {
	return {
		name: `envoy.filters.listener.${type.split(".")[0]}`,
		typed_config: any(`listener.${type}`, value),
		...more,
	};
}

/** The header of the PROXY protocol, version 1. */
export function proxyHeader(source: string, destination: string, ports = "1111 2222"): string {
	return `PROXY ${source.includes(":") ? "TCP6" : "TCP4"} ${source} ${destination} ${ports}\r\n`;
}
