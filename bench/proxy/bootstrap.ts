/** The bootstrap that both proxies are started with: one HTTP listener, a route table with a few rules, one static cluster. */
export function benchBootstrap(ports: { listener: number; admin: number; upstream: number }): unknown {
	const socketAddress = (port: number) => ({ socket_address: { address: "127.0.0.1", port_value: port } });
	const routes = [
		{ match: { path: "/health" }, direct_response: { status: 200, body: { inline_string: "ok" } } },
		{
			match: { prefix: "/api/", headers: [{ name: "end-user", string_match: { exact: "jason" } }] },
			route: { cluster: "app" },
		},
		{
			match: { prefix: "/productpage" },
			route: {
				cluster: "app",
				timeout: "15s",
				retry_policy: { retry_on: "connect-failure,refused-stream", num_retries: 2 },
			},
		},
		{ match: { prefix: "/" }, route: { cluster: "app" } },
	];
	const virtualHosts = [
		{
			name: "productpage",
			domains: ["productpage.default.svc.cluster.local", "productpage.default.svc.cluster.local:9080"],
			routes,
		},
		{ name: "rest", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "app" } }] },
	];
	const hcm = {
		"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
		stat_prefix: "bench",
		route_config: { name: "bench", virtual_hosts: virtualHosts },
		http_filters: [
			{
				name: "envoy.filters.http.router",
				typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
			},
		],
	};
	return {
		admin: { address: socketAddress(ports.admin) },
		static_resources: {
			listeners: [
				{
					name: "bench",
					address: socketAddress(ports.listener),
					filter_chains: [{ filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: hcm }] }],
				},
			],
			clusters: [
				{
					name: "app",
					type: "STATIC",
					connect_timeout: "1s",
					load_assignment: {
						cluster_name: "app",
						endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(ports.upstream) } }] }],
					},
				},
			],
		},
	};
}
