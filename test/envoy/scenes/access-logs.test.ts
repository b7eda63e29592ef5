import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, hcm, listener, says, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const text = (format: string, more: JsonObject = {}): JsonObject =>
	stdoutLog({ text_format_source: { inline_string: `${format}\n` } }, more);

/** Lines that show what the operators print, and not when. */
const OPERATORS = [
	...["PROTOCOL", "RESPONSE_CODE", "RESPONSE_CODE_DETAILS", "RESPONSE_FLAGS", "RESPONSE_FLAGS_LONG", "BYTES_RECEIVED"],
	...["BYTES_SENT", "UPSTREAM_HOST", "UPSTREAM_CLUSTER", "UPSTREAM_CLUSTER_RAW", "UPSTREAM_REQUEST_ATTEMPT_COUNT"],
	...["UPSTREAM_PROTOCOL", "UPSTREAM_HOST_NAME", "UPSTREAM_HOST_NAME_WITHOUT_PORT", "UPSTREAM_REMOTE_ADDRESS"],
	...["UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_LOCAL_ADDRESS"],
	...["DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", "ROUTE_NAME"],
	...[
		"REQ(:METHOD)",
		"REQ(:PATH)",
		"REQ(:AUTHORITY)",
		"REQ(:SCHEME)",
		"REQ(X-USER)",
		"REQ(X-NONE)",
		"REQ(X-NONE?X-USER)",
	],
	...["REQ(X-USER):2", "RESP(X-UP)", "RESP(:STATUS)", "RESP(CONTENT-TYPE)", "TRAILER(X-END)", "GRPC_STATUS"],
	...["GRPC_STATUS(SNAKE_STRING)", "GRPC_STATUS_NUMBER", "CONNECTION_TERMINATION_DETAILS", "REQUESTED_SERVER_NAME"],
	...["UPSTREAM_TRANSPORT_FAILURE_REASON", "DYNAMIC_METADATA(a:b)", "METADATA(ROUTE:test:k)", "METADATA(ROUTE:test:n)"],
	...[
		"METADATA(ROUTE:test)",
		"FILTER_STATE(none)",
		"ENVIRONMENT(LATEEN_NONE)",
		"VIRTUAL_CLUSTER_NAME",
		"ACCESS_LOG_TYPE",
	],
	...["PATH(NQ:PATH)", "PATH(WQ:ORIG)", "QUERY_PARAM(q)", "DOWNSTREAM_TLS_VERSION", "DOWNSTREAM_PEER_SUBJECT"],
	...["REQUEST_HEADERS_BYTES", "RESPONSE_HEADERS_BYTES", "RESPONSE_TRAILERS_BYTES", "REQ(A?B)", "RESP(SERVER?X-UP)"],
];

const bounded = (name: string) => `%${name}%`;

const routes: readonly JsonObject[] = [
	says({ prefix: "/direct" }, "direct"),
	{ match: { prefix: "/redirect" }, redirect: { path_redirect: "/x" } },
	to("dead", "/dead"),
	to(
		"echo",
		"/named",
		{ prefix_rewrite: "/new" },
		{
			name: "named",
			metadata: { filter_metadata: { test: { k: "v", n: { b: 1, a: [true, null, "x"] } } } },
		},
	),
	to("echo", "/slow", { timeout: "0.05s" }),
	to("echo", "/known/"),
];

/** The size of a head changes with the digits of times in it; and Envoy counts the `connection: close` that it adds, Lateen adds it further down. */
const withoutHeaderBytes = (seen: Observation): Observation => ({
	...seen,
	log: seen.log.map((line) => (typeof line === "string" ? line.replace(/(?<=HEADERS_BYTES=)\d+/, "") : bare(line))),
});
const bare = (line: unknown): unknown =>
	Object.fromEntries(Object.entries(line as JsonObject).filter(([name]) => !name.includes("HEADERS_BYTES")));

const PLAIN_CASES: readonly Case[] = [
	get(
		"forwarded",
		"/known/a?q=1&r",
		{ "X-User": 'ja"son\\' },
		{ answers: { echo: [{ headers: { "x-up": "here" } }] } },
	),
	get("rewritten, with metadata", "/named/a?q"),
	get("answered here", "/direct"),
	get("redirected", "/redirect"),
	get("nobody listens", "/dead"),
	get("no route", "/nope"),
	get("timeout", "/slow", {}, { answers: { echo: [{ delayMs: 300 }] } }),
	get("503 of the upstream", "/known/", {}, { answers: { echo: [{ status: 503 }] } }),
	{ name: "body", send: { method: "POST", path: "/known/", body: { repeat: "x", times: 1234 }, chunked: true } },
	get("trailers", "/known/", { te: "trailers" }, { answers: { echo: [{ trailers: { "x-end": "1" } }] } }),
	get(
		"gRPC",
		"/known/",
		{ "content-type": "application/grpc" },
		{
			answers: { echo: [{ headers: { "content-type": "application/grpc", "grpc-status": "7" } }] },
		},
	),
	get(
		"gRPC in trailers",
		"/known/",
		{ "content-type": "application/grpc" },
		{
			answers: { echo: [{ headers: { "content-type": "application/grpc" }, trailers: { "grpc-status": "13" } }] },
		},
	),
	{ name: "bad request", send: "GET / HTTP/9.9\r\n\r\n" },
	get("bytes beyond ASCII", "/known/", { "x-user": "caf\u00c3\u00a9" }),
];
const CASES: readonly Case[] = PLAIN_CASES.map((one) => ({ ...one, compare: withoutHeaderBytes }));

const upstreams = { echo: http1() };

scene("text access logs", {
	upstreams,
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("in", [
					hcm({
						routes,
						more: {
							access_log: [
								text(OPERATORS.map((name) => `${name}=${bounded(name)}`).join("\n")),
								stdoutLog({
									text_format_source: {
										inline_string: OPERATORS.map((name) => `omit ${name}=${bounded(name)}\n`).join(""),
									},
									omit_empty_values: true,
								}),
							],
						},
					}),
				]),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("dead", [1])],
		},
	}),
	cases: CASES,
});

scene("JSON access logs", {
	upstreams,
	bootstrap: (at) => {
		const json: JsonObject = {
			...Object.fromEntries(OPERATORS.map((name, i) => [`o${i} ${name}`, bounded(name)])),
			text: "constant",
			mixed: "a %PROTOCOL% b %REQ(X-USER)%",
			nested: { deeper: { code: "%RESPONSE_CODE%" }, list: ["%PROTOCOL%", "%BYTES_SENT%", { x: "%REQ(none)%" }] },
			number: 5,
			truth: true,
			nothing: null,
			emptyObject: { x: "%REQ(none)%" },
			emptyList: ["%REQ(none)%"],
			plainEmptyObject: {},
			plainEmptyList: [],
			nullList: [null],
		};
		return {
			static_resources: {
				listeners: [
					listener("in", [
						hcm({
							routes,
							more: {
								access_log: [
									stdoutLog({ json_format: json }),
									stdoutLog({ json_format: json, omit_empty_values: true }),
									stdoutLog({ json_format: json, json_format_options: { sort_properties: true } }),
								],
							},
						}),
					]),
				],
				clusters: [cluster("echo", [at.port("echo")]), cluster("dead", [1])],
			},
		};
	},
	cases: CASES,
});

const FILTERS: readonly (readonly [name: string, filter: JsonObject])[] = [
	[
		"status>=400",
		{ status_code_filter: { comparison: { op: "GE", value: { default_value: 400, runtime_key: "a" } } } },
	],
	["status=200", { status_code_filter: { comparison: { op: "EQ", value: { default_value: 200, runtime_key: "a" } } } }],
	[
		"status<=301",
		{ status_code_filter: { comparison: { op: "LE", value: { default_value: 301, runtime_key: "a" } } } },
	],
	[
		"status!=200",
		{ status_code_filter: { comparison: { op: "NE", value: { default_value: 200, runtime_key: "a" } } } },
	],
	["duration>=0", { duration_filter: { comparison: { op: "GE", value: { default_value: 0, runtime_key: "a" } } } }],
	[
		"duration>=60000",
		{ duration_filter: { comparison: { op: "GE", value: { default_value: 60000, runtime_key: "a" } } } },
	],
	["not health check", { not_health_check_filter: {} }],
	["none of 0 percent", { runtime_filter: { runtime_key: "a", percent_sampled: { numerator: 0 } } }],
	["all of 100 percent", { runtime_filter: { runtime_key: "a", percent_sampled: { numerator: 100 } } }],
	["header", { header_filter: { header: { name: "x-user", present_match: true } } }],
	["flags any", { response_flag_filter: {} }],
	["flags UF UT", { response_flag_filter: { flags: ["UF", "UT"] } }],
	["grpc", { grpc_status_filter: { statuses: ["PERMISSION_DENIED", "INTERNAL"] } }],
	["not grpc", { grpc_status_filter: { statuses: ["OK"], exclude: true } }],
	[
		"and",
		{
			and_filter: {
				filters: [
					{ header_filter: { header: { name: "x-user", present_match: true } } },
					{ status_code_filter: { comparison: { op: "EQ", value: { default_value: 200, runtime_key: "a" } } } },
				],
			},
		},
	],
	[
		"or",
		{
			or_filter: {
				filters: [
					{ response_flag_filter: { flags: ["NR"] } },
					{ runtime_filter: { runtime_key: "a", percent_sampled: { numerator: 0 } } },
				],
			},
		},
	],
	["metadata", { metadata_filter: { matcher: { filter: "a", path: [{ key: "b" }], value: { present_match: true } } } }],
	[
		"metadata, missing counts",
		{
			metadata_filter: {
				matcher: { filter: "a", path: [{ key: "b" }], value: { present_match: true } },
				match_if_key_not_found: false,
			},
		},
	],
];

scene("filters of access logs", {
	upstreams,
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("in", [
					hcm({ routes, more: { access_log: FILTERS.map(([name, filter]) => text(name, { filter })) } }),
				]),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("dead", [1])],
		},
	}),
	cases: [...CASES, get("a health check", "/known/", { "user-agent": "Envoy/HC" })],
});
