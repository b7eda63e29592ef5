import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, hcm, httpListener, listener, says, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const router = (options: JsonObject): JsonObject[] => [
	{ name: "envoy.filters.http.router", typed_config: any("http.router.v3.Router", options) },
];
const INSIDE: JsonObject = {
	use_remote_address: true,
	xff_num_trusted_hops: 1,
	internal_address_config: { cidr_ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }] },
};
const FROM_INSIDE = { "x-forwarded-for": "10.1.2.3" };
const mutation = (...mutations: JsonObject[]): JsonObject => ({
	name: "envoy.http.early_header_mutation.header_mutation",
	typed_config: any("envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", { mutations }),
});
const set = (key: string, value: string): JsonObject => ({
	append: { header: { key, value }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" },
});
const CLUSTER_COUNTERS = [/cluster\.echo\.(.*\.)?upstream_rq_(total|completed|[0-9x]+)$/, /^vhost\..*/];
const at10 = (name: string, more: Record<string, string>, rest: Partial<Case> = {}): Case =>
	({ ...get(name, "/x", { ...FROM_INSIDE, ...more }), ...rest }) as Case;

scene("router and connection manager options", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		node: { id: "node-1", cluster: "service-1" },
		static_resources: {
			listeners: [
				httpListener({ routes: [to("echo")], more: { add_user_agent: true } }, "agent"),
				httpListener(
					{
						more: {
							...INSIDE,
							early_header_mutation_extensions: [
								mutation(
									set("x-request-id", "11111111-2222-4333-8444-555555555555"),
									set("x-early", "%REQ(x-in)%|%PROTOCOL%"),
									{ remove: "x-gone" },
									set("x-envoy-retry-on", "5xx"),
								),
								mutation(set("x-forwarded-for", "10.9.9.9"), set("x-twice", "%REQ(x-early)%"), {
									remove_on_match: { key_matcher: { prefix: "x-drop" } },
								}),
							],
						},
						routes: [
							says({ prefix: "/", headers: [{ name: "x-in", string_match: { exact: "route" } }] }, "by header"),
							to("echo"),
						],
					},
					"early",
				),
				httpListener(
					{
						more: {
							...INSIDE,
							http_filters: router({
								strict_check_headers: [
									"x-envoy-upstream-rq-timeout-ms",
									"x-envoy-upstream-rq-per-try-timeout-ms",
									"x-envoy-max-retries",
									"x-envoy-retry-on",
									"x-envoy-retry-grpc-on",
								],
							}),
						},
						routes: [to("echo")],
					},
					"strict",
				),
				httpListener(
					{
						more: { ...INSIDE, http_filters: router({ respect_expected_rq_timeout: true }) },
						routes: [to("echo")],
					},
					"respectful",
				),
				httpListener({ more: { ...INSIDE }, routes: [to("echo")] }, "plain"),
				httpListener(
					{ more: { ...INSIDE, http_filters: router({ dynamic_stats: false }) }, routes: [to("echo")] },
					"mute",
				),
				httpListener(
					{
						more: { http_filters: router({ suppress_grpc_request_failure_code_stats: true }) },
						routes: [to("echo")],
					},
					"grpc",
				),
				listener("virtual", [
					hcm({
						virtualHosts: [
							{
								name: "host",
								domains: ["*"],
								virtual_clusters: [
									{ name: "posts", headers: [{ name: ":method", string_match: { exact: "POST" } }] },
									{
										name: "deep",
										headers: [
											{ name: ":path", string_match: { prefix: "/deep" } },
											{ name: "x-deep", present_match: true },
										],
									},
								],
								routes: [
									to("echo", "/deep", { retry_policy: { retry_on: "5xx" } }, { stat_prefix: "deep_route" }),
									says({ prefix: "/says" }, "said"),
									to("echo"),
								],
							},
						],
						more: {
							access_log: [
								{
									name: "log",
									typed_config: any("envoy.extensions.access_loggers.file.v3.FileAccessLog", {
										path: "/dev/stdout",
										log_format: { json_format: { vc: "%VIRTUAL_CLUSTER_NAME%", code: "%RESPONSE_CODE%" } },
									}),
								},
							],
						},
					}),
				]),
				httpListener(
					{
						routeConfig: { ignore_path_parameters_in_path_matching: true },
						routes: [
							says({ path: "/exact" }, "exact"),
							says({ path_separated_prefix: "/pre" }, "pre"),
							says({ safe_regex: { regex: "/rx[0-9]+" } }, "regex"),
							to("echo", "/fwd", { prefix_rewrite: "/new" }),
						],
					},
					"parameters",
				),
				httpListener(
					{
						routes: [
							{
								match: { prefix: "/hashed" },
								route: {
									hash_policy: [{ header: { header_name: "x-h" } }],
									weighted_clusters: {
										use_hash_policy: true,
										clusters: [1, 2, 3].map((n) => ({
											name: "echo",
											weight: 10 * n,
											request_headers_to_add: [{ header: { key: "x-arm", value: String(n) } }],
										})),
									},
								},
							},
						],
					},
					"hashed",
				),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		get("agent: none", "/", {}, { to: "agent" }),
		get("agent: a client's", "/", { "user-agent": "curl" }, { to: "agent" }),
		get(
			"agent: fields of the client",
			"/",
			{ "x-envoy-downstream-service-cluster": "me", "x-envoy-downstream-service-node": "my" },
			{ to: "agent" },
		),
		get("early: all", "/", { "x-in": "a", "x-gone": "1", "x-drop-a": "1", "x-drop-b": "2" }, { to: "early" }),
		get("early: before routes", "/", { "x-in": "route" }, { to: "early" }),
		get("early: over what the client says", "/", { "x-early": "client", "x-request-id": "mine" }, { to: "early" }),
		...["x-envoy-upstream-rq-timeout-ms", "x-envoy-upstream-rq-per-try-timeout-ms", "x-envoy-max-retries"].flatMap(
			(name) =>
				["100", "abc", "-1", "1.5", " 7 ", ""].map((value) =>
					at10(`strict: ${name}: "${value}"`, { [name]: value }, { to: "strict" }),
				),
		),
		...["5xx", "5xx,reset", "5xx, gateway-error", "bad", "5xx,bad", "cancelled", ""].map((value) =>
			at10(`strict: retry-on "${value}"`, { "x-envoy-retry-on": value }, { to: "strict" }),
		),
		...["cancelled", "internal,unavailable", "5xx", "bad"].map((value) =>
			at10(`strict: retry-grpc-on "${value}"`, { "x-envoy-retry-grpc-on": value }, { to: "strict" }),
		),
		get("strict: not from outside", "/", { "x-envoy-max-retries": "abc" }, { to: "strict" }),
		at10(
			"expected timeout respected",
			{ "x-envoy-expected-rq-timeout-ms": "3000", "x-envoy-upstream-rq-timeout-ms": "700" },
			{ to: "respectful" },
		),
		at10("no expected timeout", { "x-envoy-upstream-rq-timeout-ms": "700" }, { to: "respectful" }),
		at10(
			"expected timeout is no number",
			{ "x-envoy-expected-rq-timeout-ms": "x", "x-envoy-upstream-rq-timeout-ms": "700" },
			{ to: "respectful" },
		),
		at10(
			"expected timeout passed over",
			{ "x-envoy-expected-rq-timeout-ms": "3000", "x-envoy-upstream-rq-timeout-ms": "700" },
			{ to: "plain" },
		),
		at10(
			"per try within all",
			{ "x-envoy-upstream-rq-per-try-timeout-ms": "300", "x-envoy-upstream-rq-timeout-ms": "700" },
			{ to: "plain" },
		),
		at10(
			"per try beyond all",
			{ "x-envoy-upstream-rq-per-try-timeout-ms": "900", "x-envoy-upstream-rq-timeout-ms": "700" },
			{ to: "plain" },
		),
		at10("no timeout", { "x-envoy-upstream-rq-timeout-ms": "0" }, { to: "plain" }),
		at10("a timeout that is no number", { "x-envoy-upstream-rq-timeout-ms": "12ms" }, { to: "plain" }),
		at10(
			"another name for stats",
			{ "x-envoy-upstream-alt-stat-name": "alt" },
			{ to: "plain", counters: CLUSTER_COUNTERS },
		),
		at10("no codes are counted", {}, { to: "mute", counters: CLUSTER_COUNTERS }),
		get(
			"gRPC: codes are not counted",
			"/",
			{ "content-type": "application/grpc" },
			{ to: "grpc", counters: CLUSTER_COUNTERS, answers: { echo: [{ status: 500 }] } },
		),
		get(
			"not gRPC: codes are counted",
			"/",
			{},
			{ to: "grpc", counters: CLUSTER_COUNTERS, answers: { echo: [{ status: 500 }] } },
		),
		get("virtual cluster: other", "/", {}, { to: "virtual", counters: CLUSTER_COUNTERS }),
		{
			name: "virtual cluster: posts",
			send: { method: "POST", path: "/deep", body: "a" },
			to: "virtual",
			counters: CLUSTER_COUNTERS,
		},
		get("virtual cluster: deep", "/deep", { "x-deep": "1" }, { to: "virtual", counters: CLUSTER_COUNTERS }),
		get(
			"virtual cluster: retried",
			"/deep",
			{ "x-deep": "1" },
			{ to: "virtual", counters: CLUSTER_COUNTERS, answers: { echo: [{ status: 503 }, {}] } },
		),
		get("virtual cluster: an answer of the proxy", "/says", {}, { to: "virtual", counters: CLUSTER_COUNTERS }),
		...["/exact;a=1", "/exact;a/b", "/pre;x", "/pre/a;x", "/rx12;v", "/fwd/a;p=1?q=2", "/;exact", "/exact?q;a"].map(
			(path) => get(`path parameters: ${path}`, path, {}, { to: "parameters" }),
		),
		...["a", "b", "c", "d", "e", "f", "user-17"].map((value) =>
			get(`drawn by hash: ${value}`, "/hashed", { "x-h": value }, { to: "hashed" }),
		),
	],
});
