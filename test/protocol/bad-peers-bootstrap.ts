const TYPES = "type.googleapis.com/envoy.extensions";
const socket = (address: string, port: number) => ({ socket_address: { address, port_value: port } });

/** One listener with short timeouts; `/unknown-name` goes where DNS knows nothing, `/mute` where TLS gets no answer. */
export function badPeersBootstrap(upstream: number): Record<string, unknown> {
	const cluster = (name: string, address: string, port: number, more: object = {}) => ({
		name,
		type: "STATIC",
		connect_timeout: "1s",
		load_assignment: {
			cluster_name: name,
			endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(address, port) } }] }],
		},
		...more,
	});
	const to = (prefix: string, name: string) => ({ match: { prefix }, route: { cluster: name, timeout: "0s" } });
	const routes = [to("/unknown-name", "unknown"), to("/mute", "mute"), to("/", "app")];
	const typed_config = {
		"@type": `${TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
		stat_prefix: "bad",
		stream_idle_timeout: "1s",
		request_headers_timeout: "0.5s",
		request_timeout: "1s",
		route_config: { name: "r", virtual_hosts: [{ name: "all", domains: ["*"], routes }] },
		http_filters: [{ name: "router", typed_config: { "@type": `${TYPES}.filters.http.router.v3.Router` } }],
	};
	const tls = {
		transport_socket: {
			name: "envoy.transport_sockets.tls",
			typed_config: { "@type": `${TYPES}.transport_sockets.tls.v3.UpstreamTlsContext` },
		},
	};
	const listener = {
		name: "bad-peers",
		address: socket("127.0.0.1", 0),
		filter_chains: [{ filters: [{ name: "hcm", typed_config }] }],
	};
	return {
		static_resources: {
			listeners: [listener],
			clusters: [
				cluster("app", "127.0.0.1", upstream),
				cluster("mute", "127.0.0.1", upstream, { connect_timeout: "0.3s", ...tls }),
				cluster("unknown", "no-such-name.invalid", 80, { type: "STRICT_DNS" }),
			],
		},
	};
}
