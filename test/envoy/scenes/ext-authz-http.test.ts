import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, hcm, httpFilter, listener, says, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { type Answer, http1 } from "../harness/upstream.ts";

const AUTHZ = "envoy.filters.http.ext_authz";
const SERVER = { uri: "http://authz.example:9000", cluster: "authz", timeout: "0.2s" };
const service = (more: JsonObject = {}): JsonObject => ({ http_service: { server_uri: SERVER, ...more } });
const exact = (...names: string[]): JsonObject => ({ patterns: names.map((name) => ({ exact: name })) });
const own = (config: JsonObject): JsonObject => ({
	typed_per_filter_config: { [AUTHZ]: any("http.ext_authz.v3.ExtAuthzPerRoute", config) },
});

const ROUTES: JsonObject[] = [
	to("echo", "/off", {}, own({ disabled: true })),
	to("echo", "/whole", {}, own({ check_settings: { disable_request_body_buffering: true } })),
	to(
		"echo",
		"/other-size",
		{},
		own({ check_settings: { with_request_body: { max_request_bytes: 3, allow_partial_message: true } } }),
	),
	says({ prefix: "/direct" }, "direct"),
	to("gone", "/gone"),
	to(
		"echo",
		"/moved",
		{},
		{ match: { prefix: "/moved", headers: [{ name: "x-up", present_match: true }] }, name: "by-header" },
	),
	to("echo", "/", {}, { name: "rest" }),
];
const LOG = {
	code: "%RESPONSE_CODE%",
	details: "%RESPONSE_CODE_DETAILS%",
	flags: "%RESPONSE_FLAGS%",
	route: "%ROUTE_NAME%",
	authz: `%DYNAMIC_METADATA(${AUTHZ}:x-meta)%`,
};
const on = (name: string, config: JsonObject): JsonObject =>
	listener(name, [
		hcm({
			routes: ROUTES,
			routeConfig: { validate_clusters: false },
			filters: [httpFilter("ext_authz", "http.ext_authz.v3.ExtAuthz", config)],
			more: { stat_prefix: name, access_log: [stdoutLog({ json_format: LOG })] },
		}),
	]);

const RULES: JsonObject = {
	path_prefix: "/check",
	authorization_request: { headers_to_add: [{ key: "x-added", value: "1" }] },
	authorization_response: {
		allowed_upstream_headers: exact("x-up", "x-client"),
		allowed_upstream_headers_to_append: exact("x-append"),
		allowed_client_headers: exact("x-deny"),
		allowed_client_headers_on_success: exact("x-client", "set-cookie"),
		dynamic_metadata_from_headers: exact("x-meta"),
	},
};
const body = (more: JsonObject = {}): JsonObject => ({
	with_request_body: { max_request_bytes: 10, allow_partial_message: true, ...more },
});

/** Envoy shows the service headers in the order of a hash map. */
function sortedCheck(seen: Observation): unknown {
	const authz = (seen.upstreams.authz ?? []).map((one) => ({
		...one,
		headers: [...(one.headers ?? [])].sort((a, b) => (a[0] < b[0] ? -1 : 1)),
	}));
	return { ...seen, upstreams: { ...seen.upstreams, authz } };
}

const OK: Answer = {
	headers: [
		["x-up", "u"],
		["x-append", "a1"],
		["x-client", "c"],
		["x-other", "o"],
		["x-meta", "m"],
		["set-cookie", "s=1"],
		["set-cookie", "t=2"],
		["x-envoy-auth-headers-to-remove", "x-gone"],
	],
};
const DENY: Answer = {
	status: 403,
	headers: {
		"x-deny": "d",
		"x-other": "o",
		"content-type": "text/html",
		"www-authenticate": "Basic",
		location: "/login",
	},
	body: "denied!",
};
const stats = (name: string) => [
	new RegExp(`http\\.${name}\\.ext_authz\\..*`),
	/cluster\.echo\.(ext_authz\..*|upstream_rq_(\d+|\dxx))/,
];
const ask = (name: string, to: string, answer: Answer, more: object = {}): Case => ({
	name: `${to}: ${name}`,
	to,
	send: { path: "/a?b=1", ...more },
	answers: { authz: [answer] },
	counters: stats(to),
	compare: sortedCheck,
});
const post = (body: string) => ({ method: "POST", body });

scene("ext_authz over HTTP", {
	upstreams: { echo: http1(), authz: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				on("in", { ...service(RULES), stat_prefix: "sp", clear_route_cache: true }),
				on("plain", service()),
				on("allow", { ...service(), failure_mode_allow: true, failure_mode_allow_header_add: true }),
				on("headers", {
					...service(),
					allowed_headers: { patterns: [{ prefix: "X-" }] },
					disallowed_headers: exact("x-secret"),
				}),
				on("body", { ...service(), ...body(), status_on_error: { code: 503 } }),
				on("short", { ...service(), ...body({ allow_partial_message: false }) }),
				on("off", { ...service(), filter_enabled: { default_value: { numerator: 0 } } }),
				on("deny", {
					...service(),
					filter_enabled: { default_value: { numerator: 0 } },
					deny_at_disable: { default_value: true, runtime_key: "x" },
				}),
				on("fixed", service({ path_override: "/fixed" })),
				on("missing", service({ server_uri: { ...SERVER, cluster: "gone" } })),
				on("shadow", { ...service(), shadow_mode: true }),
				on("marked", {
					...service(),
					filter_enabled_metadata: {
						filter: "envoy.filters.http.rbac",
						path: [{ key: "shadow_effective_policy_id" }],
						value: { string_match: { prefix: "istio-ext-authz" } },
					},
				}),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("authz", [at.port("authz")])],
		},
	}),
	cases: [
		ask("200 lets pass", "in", OK, { headers: { "x-mine": "1", "x-append": "a0", "x-up": "spoof", "x-gone": "1" } }),
		ask("credentials are shown", "in", OK, { headers: { authorization: "tok", cookie: "c=1" } }),
		ask("a denial with what the client may see", "in", DENY),
		ask("a redirect", "in", { status: 302, headers: { location: "https://login" }, body: "" }),
		ask("201 denies", "in", { status: 201, body: "created" }),
		ask("500 is an error", "in", { status: 500, headers: { "x-deny": "d" }, body: "boom" }),
		ask("no answer in time", "in", { finish: "hang", delayMs: 400 }),
		ask("a reset", "in", { raw: "", finish: "reset" }),
		ask("another method and body", "in", OK, post("hello")),
		ask("HEAD", "in", OK, { method: "HEAD" }),
		ask("a gRPC client that is denied", "in", DENY, { headers: { "content-type": "application/grpc" } }),
		ask("a direct response that is denied", "in", DENY, { path: "/direct" }),
		ask("a direct response that passes", "in", OK, { path: "/direct" }),
		ask("a cluster that is not there", "in", OK, { path: "/gone" }),
		ask("another route by a header of the service", "in", OK, { path: "/moved" }),
		ask("off by route", "in", DENY, { path: "/off" }),
		ask("all headers of a denial", "plain", DENY),
		ask("an error lets pass", "allow", { status: 500 }),
		ask("a denial does not", "allow", DENY),
		ask(
			"those that are allowed",
			"headers",
			{},
			{ headers: { "x-a": "1", "x-secret": "2", other: "3", authorization: "t" } },
		),
		ask("a short body", "body", {}, post("short")),
		ask("a long body, in part", "body", {}, post("0123456789abcdef")),
		ask("a body that just fits", "body", {}, post("0123456789")),
		ask("chunks", "body", {}, { method: "POST", body: "0123456789abcdef", chunked: true }),
		ask("no body", "body", {}),
		ask("its own status on error", "body", { status: 500 }),
		ask("not on this route", "body", {}, { ...post("short"), path: "/whole" }),
		ask("another size on this route", "body", {}, { ...post("short"), path: "/other-size" }),
		ask("a denial before the body is through", "body", DENY, post("x".repeat(100_000))),
		ask("a long body", "body", {}, post("x".repeat(300_000))),
		ask("a body that fits", "short", {}, post("0123456789")),
		ask("a body that is too long", "short", {}, post("0123456789a")),
		get("off", "/a", {}, { to: "off", counters: stats("off") }),
		get("off is denied", "/a", {}, { to: "deny", counters: stats("deny") }),
		ask("a path of its own", "fixed", {}),
		get("no service", "/a", {}, { to: "missing", counters: stats("missing") }),
		ask("a denial only counts", "shadow", DENY),
		ask("an error only counts", "shadow", { status: 500 }),
		get("not marked by a shadow rule", "/a", {}, { to: "marked", counters: stats("marked") }),
	],
});
