import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, hcm, httpFilter, listener, says, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const EXPRESSIONS = [
	"response.code >= 400",
	"response.code == 200 && request.method == 'GET'",
	"!(response.code == 200)",
	"request.url_path.contains('/a') || response.code == 404",
	"request.headers['x-user'] == 'jane'",
	"has(request.referer)",
	"'x-user' in request.headers",
	"connection.mtls",
	"request.path.startsWith('/a') ? request.size == 0 : false",
	"request.path.matches('a[/]')",
	"metadata.filter_metadata['d']['s'] == 'text'",
	"response.code_details.endsWith('upstream')",
	"response.flags != 0",
	"xds.route_name == 'named'",
	"size(request.host) > 0 && response.code in [200, 503]",
	"response.headers['x-up'] == 'here'",
	"no.such == 1",
	"request.query == 'q=1'",
	"'text'",
];
const VALUES = [
	...["response.code", "request.path", "request.headers['x-user']", "connection.mtls", "request.size", "response.size"],
	...["request.query", "response.flags", "xds.cluster_name", "upstream.request_attempt_count", "no.such", "nothing"],
	...["request.host + '!'", "1 + 2", "response.code > 300", "metadata.filter_metadata['d']['n']", "request.protocol"],
];

const when = (expression: string): JsonObject =>
	stdoutLog(
		{ text_format_source: { inline_string: `when ${expression}\n` } },
		{
			filter: {
				extension_filter: {
					name: "cel",
					typed_config: any("envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter", { expression }),
				},
			},
		},
	);
const TYPED = Object.fromEntries(
	VALUES.flatMap((value) => [
		[`typed ${value}`, `%TYPED_CEL(${value})%`],
		[`text ${value}`, `%CEL(${value}):12%`],
	]),
);

scene("expressions of access logs", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("in", [
					hcm({
						routes: [
							says({ prefix: "/direct" }, "direct", { name: "named" }),
							to("dead", "/dead"),
							{ match: { prefix: "/gone" }, direct_response: { status: 404 } },
							to("echo"),
						],
						filters: [
							httpFilter("set_metadata", "http.set_metadata.v3.Config", {
								metadata: [{ metadata_namespace: "d", value: { s: "text", n: 1.5 } }],
							}),
						],
						more: { access_log: [...EXPRESSIONS.map(when), stdoutLog({ json_format: TYPED })] },
					}),
				]),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("dead", [1])],
		},
	}),
	cases: [
		get("forwarded", "/a/b?q=1", { "x-user": "jane" }, { answers: { echo: [{ headers: { "x-up": "here" } }] } }),
		get("answered here", "/direct"),
		get("not found", "/gone", { "x-user": "joe" }),
		get("nobody there", "/dead"),
		{ name: "body", send: { method: "POST", path: "/a/c", body: "hello" } },
		{ name: "bad request", send: "GET / HTTP/9.9\r\n\r\n" },
	],
});
