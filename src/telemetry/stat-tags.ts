/** Tags that Envoy takes out of dotted stat names for Prometheus (Envoy: well_known_names, default tag extraction). */

export interface StatTag {
	readonly name: string;
	readonly value: string;
}

interface Extracted {
	readonly prefix: string;
	readonly tags: readonly StatTag[];
}

// Istio ends names with `;` so that an expression can find their end; it belongs to no value.
const CLUSTER = /^cluster\.(.+?);?\.$/s;
const LISTENER_HTTP = /^listener\.(.+?);?\.http\.(.+?);?\.$/s;
const LISTENER = /^listener\.(.+?);?\.$/s;
const HTTP = /^http\.(.+?);?\.$/s;
const ROUTE = /^vhost\.(.+)\.route\.(.+)\.$/s;
const TCP = /^tcp\.(.+?);?\.$/s;

/**
 * Splits a scope's prefix into what stays in the metric's name and its tags. Unlike Envoy's expressions over the whole
 * name this never cuts a cluster name at its first dot.
 */
export function tagsOfPrefix(prefix: string): Extracted {
	const cluster = CLUSTER.exec(prefix);
	if (cluster) return { prefix: "cluster.", tags: [{ name: "envoy_cluster_name", value: cluster[1]! }] };
	const listenerHttp = LISTENER_HTTP.exec(prefix);
	if (listenerHttp)
		return {
			prefix: "listener.http.",
			tags: [
				{ name: "envoy_http_conn_manager_prefix", value: listenerHttp[2]! },
				{ name: "envoy_listener_address", value: listenerHttp[1]! },
			],
		};
	const listener = LISTENER.exec(prefix);
	if (listener) return { prefix: "listener.", tags: [{ name: "envoy_listener_address", value: listener[1]! }] };
	const http = HTTP.exec(prefix);
	if (http) return { prefix: "http.", tags: [{ name: "envoy_http_conn_manager_prefix", value: http[1]! }] };
	const route = ROUTE.exec(prefix);
	if (route)
		return {
			prefix: "vhost.route.",
			tags: [
				{ name: "envoy_route", value: route[2]! },
				{ name: "envoy_virtual_host", value: route[1]! },
			],
		};
	const tcp = TCP.exec(prefix);
	if (tcp) return { prefix: "tcp.", tags: [{ name: "envoy_tcp_prefix", value: tcp[1]! }] };
	return { prefix, tags: [] };
}

const RESPONSE_CLASS = /^(.*_rq_)([1-5])xx$/;
const RESPONSE_CODE = /^(.*_rq)_(\d{3})$/;

/** `..._rq_2xx` → `..._rq_xx` with its class, `..._rq_200` → `..._rq` with its code, other names as they are. */
export function tagsOfResponseCode(baseName: string): Extracted {
	const byClass = RESPONSE_CLASS.exec(baseName);
	if (byClass) return { prefix: `${byClass[1]}xx`, tags: [{ name: "envoy_response_code_class", value: byClass[2]! }] };
	const byCode = RESPONSE_CODE.exec(baseName);
	if (byCode) return { prefix: byCode[1]!, tags: [{ name: "envoy_response_code", value: byCode[2]! }] };
	return { prefix: baseName, tags: [] };
}
