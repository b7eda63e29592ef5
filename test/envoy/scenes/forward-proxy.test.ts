import type { JsonObject } from "@bufbuild/protobuf";
import { createTestAuthority } from "../../support/certificates.ts";
import { any, type HcmParts, httpFilter, httpListener, listener } from "../harness/bootstrap-parts.ts";
import type { Places } from "../harness/engines.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { listenerFilter, networkFilter, tcpProxy } from "../harness/tcp-parts.ts";
import { dead, http1, tcp } from "../harness/upstream.ts";

const ca = await createTestAuthority();
const server = await ca.issue({ sans: ["localhost"] });
const other = await ca.issue({ sans: ["other.test"] });
const inline = (text: string): JsonObject => ({ inline_string: text });

const CACHE: JsonObject = { name: "cache", dns_lookup_family: "V4_ONLY", dns_query_timeout: "1s" };
/** Caches with limits, by listener and cluster. */
const LIMITED: Readonly<Record<string, JsonObject>> = {
	full: { ...CACHE, name: "full", max_hosts: 1 },
	busy: { ...CACHE, name: "busy", dns_cache_circuit_breaker: { max_pending_requests: 0 } },
	forgetful: { ...CACHE, name: "forgetful", disable_dns_refresh_on_failure: true },
	early: {
		...CACHE,
		name: "early",
		max_hosts: 1,
		preresolve_hostnames: [{ address: "localhost", port_value: 80 }],
	},
};

const FILTER = "http.dynamic_forward_proxy.v3.FilterConfig";
const PER_ROUTE = "http.dynamic_forward_proxy.v3.PerRouteConfig";
const FILTER_NAME = "envoy.filters.http.dynamic_forward_proxy";

const filter = (cache: JsonObject, more: JsonObject = {}): JsonObject =>
	httpFilter("dynamic_forward_proxy", FILTER, { dns_cache_config: cache, ...more });

function forwardCluster(name: string, cache: JsonObject, more: JsonObject = {}, config: JsonObject = {}): JsonObject {
	return {
		name,
		connect_timeout: "1s",
		lb_policy: "CLUSTER_PROVIDED",
		cluster_type: {
			name: "envoy.clusters.dynamic_forward_proxy",
			typed_config: any("envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig", {
				dns_cache_config: cache,
				...config,
			}),
		},
		...more,
	};
}

const TLS: JsonObject = {
	transport_socket: {
		name: "envoy.transport_sockets.tls",
		typed_config: any("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", {
			common_tls_context: { validation_context: { trusted_ca: inline(ca.certPem) } },
		}),
	},
};
const httpOptions = (upstream_http_protocol_options: JsonObject): JsonObject => ({
	typed_extension_protocol_options: {
		"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": any(
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
			{ explicit_http_config: { http_protocol_options: {} }, upstream_http_protocol_options },
		),
	},
});

const rewritten = (prefix: string, config: JsonObject, action: JsonObject = {}): JsonObject => ({
	match: { prefix },
	route: { cluster: "plain", ...action },
	typed_per_filter_config: { [FILTER_NAME]: any(PER_ROUTE, config) },
});

const routes = (at: Places): JsonObject[] => [
	rewritten("/literal", { host_rewrite_literal: `localhost:${at.port("echo")}` }),
	rewritten("/by-header", { host_rewrite_header: "X-Host" }),
	rewritten("/nothing", {}),
	{ match: { prefix: "/tls" }, route: { cluster: "secure" } },
	{ match: { prefix: "/loose" }, route: { cluster: "loose" } },
	{ match: { prefix: "/elsewhere" }, route: { cluster: "elsewhere" } },
	{ match: { prefix: "/direct" }, direct_response: { status: 200 } },
	{ match: { prefix: "/auto" }, route: { cluster: "plain", auto_host_rewrite: true } },
	{
		match: { prefix: "/route-rewrite" },
		route: { cluster: "plain", host_rewrite_literal: `127.0.0.1:${at.port("echo")}` },
	},
	{ match: { prefix: "/" }, route: { cluster: "plain" } },
];

const COUNTERS = [
	/^dns_cache\..*\.(dns_query_(attempt|success|failure|timeout)|host_(added|removed|overflow|address_changed)|dns_rq_pending_overflow)$/,
	/^cluster\.(plain|secure|loose|full|busy|early|forgetful)\.(upstream_rq_total|upstream_cx_total|upstream_cx_connect_fail|upstream_cx_none_healthy|upstream_rq_pending_overflow|ssl\.handshake|ssl\.fail_verify_san)$/,
];
const http = (at: Places, more: Partial<HcmParts> = {}): HcmParts => ({
	routes: routes(at),
	filters: [filter(CACHE)],
	...more,
});

let ports: Record<string, number> = {};

/** A request to an upstream by this host name. */
function ask(name: string, path: string, upstream: string, host = "localhost", more: object = {}): Case {
	const headers = {
		get Host() {
			return upstream === "" ? host : `${host}:${ports[upstream]}`;
		},
	};
	return { ...get(name, path, headers, { to: "in", counters: COUNTERS }), ...more } as Case;
}

/** How many bytes a handshake takes is chance. */
const withoutSizes = ({ log, ...seen }: Observation) => ({
	...seen,
	log: (log as readonly JsonObject[]).map((line) => ({ ...line, sent: 0, received: 0 })),
});

scene("dynamic forward proxy", {
	upstreams: {
		echo: http1(),
		second: http1(),
		tls: http1({ tls: { cert: server.chainPem, key: server.keyPem } }),
		other: http1({ tls: { cert: other.chainPem, key: other.keyPem } }),
		dead: dead(),
		bytes: tcp(),
	},
	sharedUpstreams: true,
	bootstrap: (at) => {
		ports = Object.fromEntries(
			["echo", "second", "tls", "other", "dead", "bytes"].map((name) => [name, at.port(name)]),
		);
		return {
			static_resources: {
				listeners: [
					httpListener(http(at)),
					...Object.entries(LIMITED).map(([name, cache]) =>
						httpListener(
							{ routes: [{ match: { prefix: "/" }, route: { cluster: name } }], filters: [filter(cache)] },
							name,
						),
					),
					listener(
						"sni",
						[
							networkFilter("sni_dynamic_forward_proxy", "sni_dynamic_forward_proxy.v3.FilterConfig", {
								port_value: at.port("tls"),
								dns_cache_config: CACHE,
							}),
							tcpProxy("plain"),
						],
						{ listener_filters: [listenerFilter("tls_inspector.v3.TlsInspector")] },
					),
				],
				clusters: [
					forwardCluster("plain", CACHE),
					...Object.entries(LIMITED).map(([name, cache]) => forwardCluster(name, cache)),
					forwardCluster("secure", CACHE, TLS),
					forwardCluster(
						"loose",
						CACHE,
						{ ...TLS, ...httpOptions({ auto_sni: true }) },
						{ allow_insecure_cluster_options: true },
					),
					{
						name: "elsewhere",
						type: "STATIC",
						load_assignment: {
							cluster_name: "elsewhere",
							endpoints: [
								{
									lb_endpoints: [
										{
											endpoint: {
												address: { socket_address: { address: "127.0.0.1", port_value: at.port("second") } },
											},
										},
									],
								},
							],
						},
					},
				],
			},
		};
	},
	cases: [
		ask("a name", "/a", "echo"),
		ask("the name again", "/b", "echo"),
		ask("another port of the name", "/", "second"),
		ask("an IP address", "/", "echo", "127.0.0.1"),
		ask("capitals", "/", "echo", "LOCALHOST"),
		ask("a port where nobody is", "/", "dead"),
		ask("a name without a port", "/", "", "localhost"),
		ask("a name that does not exist", "/", "", "no-such-name.invalid"),
		ask("the name that does not exist again", "/", "", "no-such-name.invalid"),
		ask("a host rewritten to a text", "/literal", "", "any.test"),
		ask("a host from a field", "/by-header", "", "any.test"),
		ask("no rewrite", "/nothing", "echo"),
		ask("another kind of cluster", "/elsewhere", "", "any.test"),
		ask("no cluster", "/direct", "", "any.test"),
		ask("TLS", "/tls", "tls"),
		ask("TLS with another name", "/tls", "other"),
		ask("TLS to an address", "/tls", "tls", "127.0.0.1"),
		ask("TLS without a check of names", "/loose", "other"),
		ask("host rewrite by the endpoint", "/auto", "echo"),
		ask("host rewrite by the route", "/route-rewrite", "second"),
		ask("the first host of a small cache", "/", "echo", "localhost", { to: "full" }),
		ask("a second host of a small cache", "/", "second", "localhost", { to: "full" }),
		ask("nobody may wait", "/", "echo", "localhost", { to: "busy" }),
		ask("a failure that is forgotten", "/", "", "no-such-name.invalid", { to: "forgetful" }),
		ask("a failure that was forgotten", "/", "", "no-such-name.invalid", { to: "forgetful" }),
		ask("a host that was resolved before", "/", "", "localhost", { to: "early" }),
		ask("a host besides", "/", "echo", "localhost", { to: "early" }),
		ask("an empty host", "/", "", "", { differs: "empty-authority" }),
		get(
			"by SNI",
			"/",
			{ Host: "x" },
			{ to: "sni", tls: { servername: "localhost" }, counters: COUNTERS, compare: withoutSizes },
		),
		get(
			"by an SNI that does not exist",
			"/",
			{ Host: "x" },
			{ to: "sni", tls: { servername: "no-such-name.invalid" }, counters: COUNTERS },
		),
	],
});
