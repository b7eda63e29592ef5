import type { JsonObject } from "@bufbuild/protobuf";

/** What the harness logs of every stream and connection, for comparing. */
const LOG_FIELDS: JsonObject = {
	code: "%RESPONSE_CODE%",
	details: "%RESPONSE_CODE_DETAILS%",
	flags: "%RESPONSE_FLAGS%",
	cluster: "%UPSTREAM_CLUSTER%",
	host: "%UPSTREAM_HOST%",
	route: "%ROUTE_NAME%",
	protocol: "%PROTOCOL%",
	method: "%REQ(:METHOD)%",
	path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
	authority: "%REQ(:AUTHORITY)%",
	received: "%BYTES_RECEIVED%",
	sent: "%BYTES_SENT%",
	attempts: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
	termination: "%CONNECTION_TERMINATION_DETAILS%",
	transport: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
};

/** A typed config: `any("network.tcp_proxy.v3.TcpProxy", {...})` below `envoy.extensions.filters`, or any full name that begins with `envoy.` or another package. */
export function any(type: string, value: JsonObject = {}): JsonObject {
	const full = /^(envoy|google|istio|xds|udpa|type)\./.test(type) ? type : `envoy.extensions.filters.${type}`;
	return { "@type": `type.googleapis.com/${full}`, ...value };
}

/** An access log to standard output, where the harness reads it; the harness's own fields by default. */
export function stdoutLog(logFormat: JsonObject = { json_format: LOG_FIELDS }, more: JsonObject = {}): JsonObject {
	return {
		name: "envoy.access_loggers.file",
		...more,
		typed_config: any("envoy.extensions.access_loggers.file.v3.FileAccessLog", {
			path: "/dev/stdout",
			log_format: logFormat,
		}),
	};
}

export const ROUTER: JsonObject = { name: "envoy.filters.http.router", typed_config: any("http.router.v3.Router") };

/** An HTTP filter by its name and type: `httpFilter("fault", "http.fault.v3.HTTPFault", {...})`. */
export function httpFilter(name: string, type: string, value: JsonObject = {}): JsonObject {
	return { name: `envoy.filters.http.${name}`, typed_config: any(type, value) };
}

export interface HcmParts {
	/** Of one virtual host for all domains. */
	readonly routes?: readonly JsonObject[];
	/** Instead of `routes`. */
	readonly virtualHosts?: readonly JsonObject[];
	/** More fields of the route configuration. */
	readonly routeConfig?: JsonObject;
	/** Before the router. */
	readonly filters?: readonly JsonObject[];
	/** More fields of the connection manager; they win. */
	readonly more?: JsonObject;
}

/** A connection manager as a network filter, with the harness's access log and a short delayed close. */
export function hcm({ routes = [], virtualHosts, routeConfig, filters = [], more }: HcmParts): JsonObject {
	return {
		name: "envoy.filters.network.http_connection_manager",
		typed_config: any("network.http_connection_manager.v3.HttpConnectionManager", {
			stat_prefix: "in",
			access_log: [stdoutLog()],
			delayed_close_timeout: "0.05s",
			route_config: {
				name: "routes",
				virtual_hosts: [...(virtualHosts ?? [{ name: "all", domains: ["*"], routes: [...routes] }])],
				...routeConfig,
			},
			http_filters: [...filters, ROUTER],
			...more,
		}),
	};
}

/** A listener on a free port of 127.0.0.1. */
export function listener(name: string, filters: readonly JsonObject[], more: JsonObject = {}): JsonObject {
	return { name, address: socketAddress(0), filter_chains: [{ filters: [...filters] }], ...more };
}

/** The usual scene's listener: one connection manager. */
export const httpListener = (parts: HcmParts, name = "in"): JsonObject => listener(name, [hcm(parts)]);

export function socketAddress(port: number, address = "127.0.0.1"): JsonObject {
	return { socket_address: { address, port_value: port } };
}

/** An endpoint for `lb_endpoints`. */
export function endpoint(port: number, more: JsonObject = {}): JsonObject {
	return { endpoint: { address: socketAddress(port) }, ...more };
}

/** A STATIC cluster of these ports on 127.0.0.1. */
export function cluster(name: string, ports: readonly number[], more: JsonObject = {}): JsonObject {
	const endpoints = ports.length > 0 ? [{ lb_endpoints: ports.map((port) => endpoint(port)) }] : [];
	return {
		name,
		type: "STATIC",
		connect_timeout: "1s",
		load_assignment: { cluster_name: name, endpoints },
		...more,
	};
}

/** Cluster field that makes its endpoints speak HTTP/2. */
export const HTTP2_UPSTREAM: JsonObject = {
	typed_extension_protocol_options: {
		"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": any(
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
			{ explicit_http_config: { http2_protocol_options: {} } },
		),
	},
};

/** A route by prefix. */
export const to = (cluster: string, prefix = "/", action: JsonObject = {}, more: JsonObject = {}): JsonObject => ({
	match: { prefix },
	route: { cluster, ...action },
	...more,
});

/** A route that answers by itself with its text. */
export const says = (match: JsonObject, text: string, more: JsonObject = {}): JsonObject => ({
	match,
	direct_response: { status: 200, body: { inline_string: text } },
	...more,
});
