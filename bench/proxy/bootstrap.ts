import type { Certificates } from "./certificates.ts";

type Json = Readonly<Record<string, unknown>>;

export interface Ports {
	readonly listener: number;
	readonly admin: number;
	readonly upstream: number;
}

/** What a case changes of the plain bootstrap: one listener, a few routes, one static cluster. */
export interface BootstrapOptions {
	readonly http2?: boolean;
	/** Mutual TLS on both sides. */
	readonly tls?: Certificates;
	/** tcp_proxy instead of a connection manager. */
	readonly tcp?: boolean;
	/** Routes besides the usual ones, none of which a request takes. */
	readonly moreRoutes?: number;
	/** Clusters that nobody calls. */
	readonly moreClusters?: number;
	/** HTTP filters before the router. */
	readonly filters?: readonly Json[];
	readonly accessLog?: readonly Json[];
	readonly node?: Json;
}

const TYPES = "type.googleapis.com/envoy.extensions";
const socketAddress = (port: number) => ({ socket_address: { address: "127.0.0.1", port_value: port } });

/** The bootstrap that both proxies of a case are started with. */
export function benchBootstrap(ports: Ports, options: BootstrapOptions = {}): unknown {
	const chain = {
		filters: [options.tcp ? tcpProxy() : connectionManager(options)],
		...(options.tls && { transport_socket: downstreamTls(options) }),
	};
	return {
		...(options.node && { node: options.node }),
		admin: { address: socketAddress(ports.admin) },
		static_resources: {
			listeners: [{ name: "bench", address: socketAddress(ports.listener), filter_chains: [chain] }],
			clusters: [
				{ ...cluster("app", ports.upstream), ...upstreamProtocol(options), ...upstreamTls(options) },
				...Array.from({ length: options.moreClusters ?? 0 }, (_, i) => cluster(`idle-${i}`, 1 + (i % 60_000))),
			],
		},
	};
}

function cluster(name: string, port: number): Json {
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }];
	return { name, type: "STATIC", connect_timeout: "1s", load_assignment: { cluster_name: name, endpoints } };
}

function upstreamProtocol({ http2, tcp }: BootstrapOptions): Json {
	if (!http2 || tcp) return {};
	const options = {
		"@type": `${TYPES}.upstreams.http.v3.HttpProtocolOptions`,
		explicit_http_config: { http2_protocol_options: {} },
	};
	return { typed_extension_protocol_options: { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options } };
}

function tcpProxy(): Json {
	return {
		name: "envoy.filters.network.tcp_proxy",
		typed_config: { "@type": `${TYPES}.filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: "bench", cluster: "app" },
	};
}

function connectionManager(options: BootstrapOptions): Json {
	return {
		name: "envoy.filters.network.http_connection_manager",
		typed_config: {
			"@type": `${TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
			stat_prefix: "bench",
			route_config: { name: "bench", virtual_hosts: virtualHosts(options.moreRoutes ?? 0) },
			http_filters: [
				...(options.filters ?? []),
				{ name: "envoy.filters.http.router", typed_config: { "@type": `${TYPES}.filters.http.router.v3.Router` } },
			],
			...(options.accessLog && { access_log: options.accessLog }),
		},
	};
}

function virtualHosts(moreRoutes: number): readonly Json[] {
	const toApp = { cluster: "app" };
	const more = Array.from({ length: moreRoutes }, (_, i) => ({
		match: { prefix: `/service-${i}/`, headers: [{ name: "end-user", string_match: { exact: `user-${i}` } }] },
		route: toApp,
	}));
	const routes = [
		{ match: { path: "/health" }, direct_response: { status: 200, body: { inline_string: "ok" } } },
		{
			match: { prefix: "/api/", headers: [{ name: "end-user", string_match: { exact: "jason" } }] },
			route: toApp,
		},
		...more,
		{
			match: { prefix: "/productpage" },
			route: {
				...toApp,
				timeout: "15s",
				retry_policy: { retry_on: "connect-failure,refused-stream", num_retries: 2 },
			},
		},
		{ match: { prefix: "/" }, route: toApp },
	];
	return [
		{
			name: "productpage",
			domains: ["productpage.default.svc.cluster.local", "productpage.default.svc.cluster.local:9080"],
			routes,
		},
		{ name: "rest", domains: ["*"], routes: [{ match: { prefix: "/" }, route: toApp }] },
	];
}

function downstreamTls({ tls, http2 }: BootstrapOptions): Json {
	return {
		name: "envoy.transport_sockets.tls",
		typed_config: {
			"@type": `${TYPES}.transport_sockets.tls.v3.DownstreamTlsContext`,
			require_client_certificate: true,
			common_tls_context: commonTls(tls!, http2 ? "h2" : "http/1.1"),
		},
	};
}

function upstreamTls({ tls, http2 }: BootstrapOptions): Json {
	if (!tls) return {};
	const context = {
		"@type": `${TYPES}.transport_sockets.tls.v3.UpstreamTlsContext`,
		sni: "localhost",
		common_tls_context: commonTls(tls, http2 ? "h2" : "http/1.1"),
	};
	return { transport_socket: { name: "envoy.transport_sockets.tls", typed_config: context } };
}

function commonTls(tls: Certificates, protocol: string): Json {
	return {
		alpn_protocols: [protocol],
		tls_certificates: [{ certificate_chain: { filename: tls.certificate }, private_key: { filename: tls.key } }],
		validation_context: { trusted_ca: { filename: tls.ca } },
	};
}
