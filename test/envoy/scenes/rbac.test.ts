import type { JsonObject } from "@bufbuild/protobuf";
import { createTestAuthority } from "../../support/certificates.ts";
import { any, cluster, hcm, httpFilter, listener, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const RBAC = "envoy.filters.http.rbac";
const ca = await createTestAuthority("CN=mesh-ca");
const server = await ca.issue({ subject: "CN=server", sans: ["server.test"] });
const client = await ca.issue({
	subject: "CN=client,O=Org",
	sans: ["spiffe://cluster.local/ns/b/sa/client", "client.test"],
});
const nameless = await ca.issue({ subject: "CN=plain" });

const ANY = { any: true };
const header = (name: string, value: string): JsonObject => ({ header: { name, string_match: { exact: value } } });
const path = (prefix: string): JsonObject => ({ url_path: { path: { prefix } } });
const policy = (permission: JsonObject, principal: JsonObject = ANY): JsonObject => ({
	permissions: [permission],
	principals: [principal],
});
const allow = (...policies: JsonObject[]): JsonObject => ({
	action: "ALLOW",
	policies: Object.fromEntries(policies.map((one, i) => [`p${i}`, one])),
});
/** A route whose own rules count. */
const ruled = (prefix: string, rbac: JsonObject): JsonObject =>
	to("echo", prefix, {}, { typed_per_filter_config: { [RBAC]: any("http.rbac.v3.RBACPerRoute", { rbac }) } });
const permitted = (prefix: string, permission: JsonObject) => ruled(prefix, { rules: allow(policy(permission)) });
const known = (prefix: string, principal: JsonObject) => ruled(prefix, { rules: allow(policy(ANY, principal)) });
const range = (address_prefix: string, prefix_len: number): JsonObject => ({ address_prefix, prefix_len });
const named = (match: JsonObject) => ({ authenticated: { principal_name: match } });
const template = (path_template: string) => ({
	uri_template: {
		name: "t",
		typed_config: any("envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig", { path_template }),
	},
});

const act = (name: string, action: string): JsonObject => ({
	action: { name, typed_config: any("envoy.config.rbac.v3.Action", { name, action }) },
});
const input = (type: string, value: JsonObject = {}) => ({ name: "i", typed_config: any(type, value) });
const byHeader = (header_name: string) => input("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", { header_name });
const is = (header_name: string, exact: string) => ({
	single_predicate: { input: byHeader(header_name), value_match: { exact } },
});
const TREE: JsonObject = {
	matcher_list: {
		matchers: [
			{ predicate: is("x", "allow"), on_match: act("let", "ALLOW") },
			{ predicate: is("x", "log"), on_match: act("logged", "LOG") },
			{ predicate: { and_matcher: { predicate: [is("x", "no"), is("y", "no")] } }, on_match: act("both", "DENY") },
			{
				predicate: { not_matcher: is("z", "1") },
				on_match: {
					matcher: {
						matcher_tree: {
							input: byHeader(":path"),
							prefix_match_map: { map: { "/tree/a": act("a", "ALLOW"), "/tree/a/b": act("ab", "DENY") } },
						},
					},
				},
			},
		],
	},
};
const BY_IP: JsonObject = {
	matcher_list: {
		matchers: [
			{
				predicate: {
					single_predicate: {
						input: input("envoy.extensions.matching.common_inputs.network.v3.DirectSourceIPInput"),
						custom_match: {
							name: "ip",
							typed_config: any("envoy.extensions.matching.input_matchers.ip.v3.Ip", {
								stat_prefix: "s",
								cidr_ranges: [range("127.0.0.0", 8)],
							}),
						},
					},
				},
				on_match: act("loopback", "ALLOW"),
			},
		],
	},
};

const LISTENER_RULES: JsonObject = {
	rules_stat_prefix: "foo",
	shadow_rules_stat_prefix: "istio_dry_run_allow_",
	track_per_rule_stats: true,
	rules: {
		action: "DENY",
		policies: { "ns[a b]-rule[0]": policy(path("/deny")), by_header: policy(header("x-deny", "1")) },
	},
	shadow_rules: { action: "ALLOW", policies: { p1: policy(header("x-shadow", "1")) } },
};

const METADATA_LOG = {
	code: "%RESPONSE_CODE%",
	details: "%RESPONSE_CODE_DETAILS%",
	flags: "%RESPONSE_FLAGS%",
	rbac: `%DYNAMIC_METADATA(${RBAC})%`,
	common: "%DYNAMIC_METADATA(envoy.common)%",
};

const ROUTES: JsonObject[] = [
	to("echo", "/off", {}, { typed_per_filter_config: { [RBAC]: any("http.rbac.v3.RBACPerRoute") } }),
	ruled("/log", { rules: { action: "LOG", policies: { l: policy(header("x", "1")) } }, rules_stat_prefix: "r_" }),
	ruled("/tree", { matcher: TREE }),
	ruled("/by-ip", { matcher: BY_IP }),
	ruled("/nothing", { rules: allow() }),
	permitted("/and", { and_rules: { rules: [header("x", "1"), { not_rule: header("y", "1") }] } }),
	permitted("/or", { or_rules: { rules: [header("x", "1"), header(":method", "POST")] } }),
	permitted("/absent", { header: { name: "x", present_match: false } }),
	permitted("/exact", { url_path: { path: { exact: "/exact/it" } } }),
	permitted("/regex", { url_path: { path: { safe_regex: { regex: "/regex/[0-9]+" } } } }),
	permitted("/template", template("/template/*/b/**")),
	permitted("/ip", { destination_ip: range("127.0.0.1", 32) }),
	permitted("/not-ip", { destination_ip: range("10.0.0.0", 8) }),
	permitted("/ports", { destination_port_range: { start: 1024, end: 65536 } }),
	permitted("/port", { destination_port: 1 }),
	permitted("/sni", { requested_server_name: { exact: "" } }),
	permitted("/metadata", {
		metadata: { filter: "gone", path: [{ key: "k" }], value: { present_match: true }, invert: true },
	}),
	{
		...permitted("/route-metadata", {
			sourced_metadata: {
				metadata_matcher: { filter: "n", path: [{ key: "k" }], value: { string_match: { exact: "v" } } },
				metadata_source: "ROUTE",
			},
		}),
		metadata: { filter_metadata: { n: { k: "v" } } },
	},
	known("/direct", { direct_remote_ip: range("127.0.0.0", 8) }),
	known("/remote", { remote_ip: range("10.9.9.9", 32) }),
	known("/source", { source_ip: range("10.9.9.9", 32) }),
	known("/authenticated", { authenticated: {} }),
	known("/not", { not_id: header("x", "1") }),
	to("echo"),
];

const tls = {
	name: "envoy.transport_sockets.tls",
	typed_config: any("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", {
		require_client_certificate: false,
		common_tls_context: {
			tls_certificates: [
				{ certificate_chain: { inline_string: server.chainPem }, private_key: { inline_string: server.keyPem } },
			],
			validation_context: { trusted_ca: { inline_string: ca.certPem } },
		},
	}),
};
const mtls = (config: JsonObject) => ({
	custom: { name: "m", typed_config: any("envoy.extensions.rbac.principals.mtls_authenticated.v3.Config", config) },
});
const TLS_ROUTES: JsonObject[] = [
	known("/uri", named({ exact: "spiffe://cluster.local/ns/b/sa/client" })),
	known("/dns", named({ exact: "client.test" })),
	known("/subject", named({ contains: "CN=client" })),
	known("/plain", named({ exact: "CN=plain" })),
	known("/any", { authenticated: {} }),
	known("/mtls", mtls({ any_validated_client_certificate: true })),
	known("/san", mtls({ san_matcher: { san_type: "DNS", matcher: { suffix: ".test" } } })),
	permitted("/sni", { requested_server_name: { exact: "server.test" } }),
];

function manager(routes: JsonObject[], config: JsonObject): JsonObject {
	const more = {
		use_remote_address: false,
		xff_num_trusted_hops: 0,
		access_log: [stdoutLog({ json_format: METADATA_LOG })],
	};
	return hcm({ routes, filters: [httpFilter("rbac", "http.rbac.v3.RBAC", config)], more });
}

const counted = { counters: [/http\.in\.rbac\..*/] };
const withCertificate = { ca: ca.certPem, cert: client.chainPem, key: client.keyPem, servername: "server.test" };
const asNameless = { ca: ca.certPem, servername: "server.test", cert: nameless.chainPem, key: nameless.keyPem };
const ask = (name: string, prefix: string, who: object = withCertificate) => ({
	name,
	to: "tls",
	send: { path: prefix },
	tls: who,
});

scene("rbac", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("in", [manager(ROUTES, LISTENER_RULES)]),
				listener("tls", [], {
					filter_chains: [{ filters: [manager(TLS_ROUTES, {})], transport_socket: tls }],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		get("nothing matches a DENY rule", "/", {}, counted),
		get("a DENY rule matches", "/deny?x", {}, counted),
		get("another one", "/", { "x-deny": "1" }, counted),
		get("the first by name", "/deny", { "x-deny": "1" }, counted),
		get("shadow rules only mark", "/", { "x-shadow": "1" }, counted),
		get("a gRPC client", "/deny", { "content-type": "application/grpc" }),
		{ name: "a body does not matter", send: { method: "POST", path: "/deny", body: "abc" } },
		get("off by route", "/off", { "x-deny": "1" }, counted),
		get("LOG, matched", "/log", { x: "1" }, counted),
		get("LOG, not matched", "/log", {}, counted),
		get("an ALLOW without policies", "/nothing", {}, counted),
		get("the matcher allows", "/tree", { x: "allow" }),
		get("the matcher logs", "/tree", { x: "log" }),
		get("both predicates", "/tree", { x: "no", y: "no" }),
		get("the longest prefix", "/tree/a/b/c"),
		get("a shorter prefix", "/tree/a"),
		get("no leaf", "/tree", { z: "1" }),
		get("by address ranges", "/by-ip"),
		get("and", "/and", { x: "1" }),
		get("and not", "/and", { x: "1", y: "1" }),
		get("or", "/or", { x: "1" }),
		get("neither", "/or"),
		get("an absent header", "/absent"),
		get("a present header", "/absent", { x: "1" }),
		get("an exact path with a query", "/exact/it?q"),
		get("another path", "/exact/it/not"),
		get("a path by regex", "/regex/42?q"),
		get("not by regex", "/regex/42x"),
		get("a template", "/template/a/b/c/d?q"),
		get("not the template", "/template/a/x"),
		get("destination address", "/ip"),
		get("another destination", "/not-ip"),
		get("a range of ports", "/ports"),
		get("another port", "/port"),
		get("no SNI is an empty one", "/sni"),
		get("inverted metadata", "/metadata"),
		get("metadata of the route", "/route-metadata"),
		get("the peer's address", "/direct"),
		get("the client's address", "/remote", { "x-forwarded-for": "10.9.9.9" }),
		get("another client's address", "/remote"),
		get("the connection's address is not the header's", "/source", { "x-forwarded-for": "10.9.9.9" }),
		get("plaintext is not authenticated", "/authenticated"),
		get("not", "/not", { x: "1" }),
		ask("a URI name", "/uri"),
		ask("a DNS name", "/dns"),
		ask("a subject, although there are names", "/subject"),
		ask("a subject without names", "/plain", asNameless),
		ask("no certificate has no name", "/plain", { ca: ca.certPem, servername: "server.test" }),
		ask("TLS alone authenticates", "/any", { ca: ca.certPem, servername: "server.test" }),
		ask("a validated certificate", "/mtls"),
		ask("no validated certificate", "/mtls", { ca: ca.certPem, servername: "server.test" }),
		ask("a validated name", "/san"),
		ask("no validated name", "/san", asNameless),
		ask("SNI", "/sni"),
	],
});
