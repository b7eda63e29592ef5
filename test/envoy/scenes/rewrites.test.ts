import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const regex = (pattern: string, substitution: string): JsonObject => ({
	pattern: { google_re2: {}, regex: pattern },
	substitution,
});
const pathTemplate = (text: string): JsonObject => ({
	path_match_policy: {
		name: "envoy.path.match.uri_template.uri_template_matcher",
		typed_config: any("envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig", { path_template: text }),
	},
});
const templateRewrite = (text: string): JsonObject => ({
	path_rewrite_policy: {
		name: "envoy.path.rewrite.uri_template.uri_template_rewriter",
		typed_config: any("envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig", {
			path_template_rewrite: text,
		}),
	},
});

const matched = (match: JsonObject, action: JsonObject, more: JsonObject = {}): JsonObject => ({
	match,
	route: { cluster: "echo", ...action },
	...more,
});

scene("path rewrites", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					routes: [
						to("echo", "/pre/", { prefix_rewrite: "/" }),
						to("echo", "/double", { prefix_rewrite: "/" }),
						matched({ path: "/exact" }, { prefix_rewrite: "/new" }),
						matched({ prefix: "/Loose", case_sensitive: false }, { prefix_rewrite: "/tight" }),
						matched({ path_separated_prefix: "/sep" }, { prefix_rewrite: "/other" }),
						matched({ safe_regex: { google_re2: {}, regex: "/re/.*" } }, { prefix_rewrite: "/whole" }),
						to("echo", "/rx", { regex_rewrite: regex("/(\\d+)", "/<\\1>") }),
						to("echo", "/all", { regex_rewrite: regex("a", "b\\0") }),
						to("echo", "/none", { regex_rewrite: regex("^/nothing$", "/x") }),
						to("echo", "/esc", { regex_rewrite: regex("/esc", "/a\\\\b") }),
						matched(pathTemplate("/t/{a}/{b=**}"), templateRewrite("/r/{b}/{a}")),
						matched(pathTemplate("/u/{only}.json"), templateRewrite("/u/{only}")),
						to("echo", "/kept", { prefix_rewrite: "/changed" }),
						to("echo"),
					],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		...[
			"/pre/a/b?x=1",
			"/pre/",
			"/double/a",
			"/double?q",
			"/doublex",
			"/exact?a=/exact",
			"/LOOSE/x",
			"/sep",
			"/sep/a?b",
		],
		...[
			"/re/a/b?c",
			"/rx/12/a/3?n=/4",
			"/all/aa?a",
			"/none/x",
			"/esc",
			"/t/1/2/3?q=1",
			"/t/1/",
			"/u/x.json",
			"/kept/a?b=c",
		],
		...["/%70re/", "/pre/%2e%2e/a", "/plain?a=b#"].filter((one) => !one.includes("#")),
	].map((one) => get(one, one)),
});

const HOST_CASES: readonly (readonly [string, JsonObject])[] = [
	["literal", { host_rewrite_literal: "new.test" }],
	["literal-fwd", { host_rewrite_literal: "new.test", append_x_forwarded_host: true }],
	["header", { host_rewrite_header: "X-Host" }],
	["regex", { host_rewrite_path_regex: regex("^/regex/([^/]+).*$", "\\1.test") }],
	["auto", { auto_host_rewrite: true }],
	["auto-fwd", { auto_host_rewrite: true, append_x_forwarded_host: true }],
	["format", { host_rewrite: "%REQ(x-host)%.format" }],
];

scene("host rewrites", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					routes: [
						...HOST_CASES.map(([name, action]) => matched({ path_separated_prefix: `/${name}` }, action)),
						{
							match: { prefix: "/weighted" },
							route: {
								weighted_clusters: { clusters: [{ name: "echo", weight: 1, host_rewrite_literal: "weighted.test" }] },
							},
						},
						to("echo"),
					],
				}),
			],
			clusters: [
				cluster("echo", [], {
					load_assignment: {
						cluster_name: "echo",
						endpoints: [
							{
								lb_endpoints: [
									{
										endpoint: {
											hostname: "endpoint.test",
											address: { socket_address: { address: "127.0.0.1", port_value: at.port("echo") } },
										},
									},
								],
							},
						],
					},
				}),
			],
		},
	}),
	cases: [
		...HOST_CASES.map(([name]): Case => get(name, `/${name}/part/x?q`, { "x-host": "header.test" })),
		get("header that is not there", "/header"),
		get("weighted cluster's own", "/weighted"),
		get("forwarded host is there already", "/literal-fwd", { "x-forwarded-host": "first.test" }),
		get("the same forwarded host", "/literal-fwd", { "x-forwarded-host": "test.local" }),
		get("host with port", "/literal-fwd", { host: "test.local:8080" }),
		get("a client sets x-envoy-original-host", "/literal", { "x-envoy-original-host": "fake" }),
		get("a client sets x-envoy-original-path", "/plain", { "x-envoy-original-path": "/fake" }),
	],
});
