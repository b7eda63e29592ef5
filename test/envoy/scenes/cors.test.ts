import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, httpFilter, httpListener, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const CORS = "envoy.filters.http.cors";
const policy = (config: JsonObject) => ({
	typed_per_filter_config: { [CORS]: any("http.cors.v3.CorsPolicy", config) },
});
const share = (numerator: number): JsonObject => ({ default_value: { numerator } });
const A: JsonObject = { allow_origin_string_match: [{ exact: "https://a.example" }] };
const counted = { counters: ["http.in.cors.origin_valid", "http.in.cors.origin_invalid"] };
const from = (origin: string, more: Record<string, string> = {}) => ({ origin, ...more });
const preflight = (name: string, path: string, headers: Record<string, string>) => ({
	name,
	send: { method: "OPTIONS", path, headers: { "access-control-request-method": "PUT", ...headers } },
	...counted,
});

scene("cors", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					filters: [httpFilter("cors", "http.cors.v3.Cors")],
					virtualHosts: [
						{
							name: "all",
							domains: ["*"],
							...policy({
								allow_origin_string_match: [{ exact: "https://host.example" }],
								allow_methods: "GET,HEAD",
								allow_headers: "x-host",
								expose_headers: "x-out",
								max_age: "60",
								allow_credentials: true,
							}),
							routes: [
								to("echo", "/own", {}, policy({ ...A, allow_methods: "POST" })),
								to("echo", "/empty", {}, policy({})),
								to(
									"echo",
									"/star",
									{},
									policy({ allow_origin_string_match: [{ exact: "*" }], allow_credentials: false }),
								),
								to("echo", "/any", {}, policy({ ...A, allow_methods: "*", allow_headers: "*" })),
								to("echo", "/off", {}, policy({ ...A, filter_enabled: share(0) })),
								to("echo", "/shadow", {}, policy({ ...A, filter_enabled: share(0), shadow_enabled: share(100) })),
								to("echo", "/both", {}, policy({ ...A, shadow_enabled: share(100) })),
								to("echo", "/here", {}, policy({ ...A, forward_not_matching_preflights: false })),
								to("echo", "/private", {}, policy({ ...A, allow_private_network_access: true })),
								to(
									"echo",
									"/regex",
									{},
									policy({ allow_origin_string_match: [{ safe_regex: { regex: "https://[a-z]+" } }] }),
								),
								{ match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "x" } } },
								{ match: { prefix: "/gone" }, redirect: { path_redirect: "/" } },
								to("echo"),
							],
						},
					],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		get("no origin", "/", {}, counted),
		get("an origin of the virtual host", "/", from("https://host.example"), counted),
		get("an origin that is not allowed", "/", from("https://evil.example"), counted),
		get("the route's own origin", "/own", from("https://a.example"), counted),
		get("the virtual host's origin at a route with its own", "/own", from("https://host.example"), counted),
		get("a route with an empty policy", "/empty", from("https://host.example"), counted),
		preflight("a preflight by the virtual host's policy", "/", from("https://host.example")),
		preflight("a preflight with a part of the policy at the route", "/own", from("https://a.example")),
		preflight("a preflight of an origin that is not allowed", "/own", from("https://evil.example")),
		preflight("the same, answered here", "/here", from("https://evil.example")),
		preflight("an allowed one there", "/here", from("https://a.example")),
		preflight("a star for every origin", "/star", from("https://any.example")),
		preflight(
			"stars for methods and headers",
			"/any",
			from("https://a.example", { "access-control-request-headers": "x-a,x-b" }),
		),
		preflight("stars without asked headers", "/any", from("https://a.example")),
		preflight("turned off", "/off", from("https://a.example")),
		preflight("in the shadow", "/shadow", from("https://a.example")),
		get("in the shadow, a request", "/shadow", from("https://a.example"), counted),
		get("on and in the shadow", "/both", from("https://a.example"), counted),
		preflight(
			"private network asked and granted",
			"/private",
			from("https://a.example", { "access-control-request-private-network": "true" }),
		),
		preflight(
			"private network asked from elsewhere",
			"/private",
			from("https://evil.example", { "access-control-request-private-network": "true" }),
		),
		preflight(
			"private network asked and not granted",
			"/own",
			from("https://a.example", { "access-control-request-private-network": "true" }),
		),
		{
			name: "OPTIONS that is no preflight",
			send: { method: "OPTIONS", path: "/own", headers: from("https://a.example") },
			...counted,
		},
		{
			name: "a preflight method on GET",
			send: { path: "/own", headers: from("https://a.example", { "access-control-request-method": "PUT" }) },
		},
		get("a regular expression", "/regex", from("https://abc"), counted),
		get("a regular expression matches whole", "/regex", from("https://abc.example"), counted),
		get("a direct response", "/direct", from("https://host.example"), counted),
		get("a redirect", "/gone", from("https://host.example"), counted),
		{
			name: "the upstream's own fields are replaced",
			send: { path: "/own", headers: from("https://a.example") },
			answers: {
				echo: [
					{ headers: { "access-control-allow-origin": "https://b", "access-control-allow-credentials": "false" } },
				],
			},
		},
	],
});
