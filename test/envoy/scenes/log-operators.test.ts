import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, hcm, httpFilter, listener, says, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { tcpProxy } from "../harness/tcp-parts.ts";
import { http1, tcp } from "../harness/upstream.ts";

/** Operators that other scenes do not show; what is in angle brackets is chance and compared by its shape. */
const OPERATORS = [
	...["CUSTOM_FLAGS", "<STREAM_ID>", "<UNIQUE_ID>", "TRACE_ID", "SPAN_ID", "LISTENER_NAME", "FILTER_CHAIN_NAME"],
	...["QUERY_PARAMS", "QUERY_PARAMS(ORIG)", "QUERY_PARAMS(DECODED)", "QUERY_PARAMS:3", "QUERY_PARAM(q):2", "PATH:4"],
	...["REQUEST_HEADER(x-user)", "REQUEST_HEADER(x-none?x-user):2", "STREAM_INFO_REQ(x-user)", "RESPONSE_HEADER(x-up)"],
	...["RESPONSE_TRAILER(x-end)", "REQ(x-user):0", "RESP(x-up):1", "ENVIRONMENT(LATEEN_NONE):1", "PROTOCOL()"],
	...["DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID", "DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID"],
	...["UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID", "DOWNSTREAM_DETECTED_CLOSE_TYPE", "DOWNSTREAM_LOCAL_CLOSE_REASON"],
	...["UPSTREAM_DETECTED_CLOSE_TYPE", "UPSTREAM_LOCAL_CLOSE_REASON", "DOWNSTREAM_HANDSHAKE_DURATION"],
	...["DOWNSTREAM_TLS_GROUP", "UPSTREAM_TLS_GROUP", "UPSTREAM_SERVER_NAME", "DOWNSTREAM_LOCAL_OTHERNAME_SAN"],
	...["TLS_JA3_FINGERPRINT", "TLS_JA4_FINGERPRINT", "ROUTE_RESOLUTION_COUNT", "<ROUTE_RESOLUTION_TIME_US>"],
	...["<CONNECTION_ID>", "<UPSTREAM_CONNECTION_ID>", "<UPSTREAM_CONNECTION_IDS_ATTEMPTED>"],
	...["<UPSTREAM_CONNECTION_POOL_READY_DURATION>", "UPSTREAM_HOSTS_ATTEMPTED"],
	...["UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT", "UPSTREAM_HOST_NAMES_ATTEMPTED"],
	...["UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT", "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(8)"],
	...["DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(40)", "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(x)"],
	...["UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(16)", "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(31)"],
	...["REQUESTED_SERVER_NAME(SNI_ONLY)", "REQUESTED_SERVER_NAME(SNI_FIRST)", "REQUESTED_SERVER_NAME(HOST_FIRST:HOST)"],
	...["REQUESTED_SERVER_NAME(HOST_FIRST:ORIG)", "REQUESTED_SERVER_NAME(:HOST)"],
	...["METADATA(LISTENER:l:k)", "METADATA(LISTENER_FILTER_CHAIN:f)", "METADATA(ROUTE)", "METADATA(ROUTE:r:o):5"],
	...["METADATA(ROUTE:r:s):2", "METADATA(ROUTE:r):9", "DYNAMIC_METADATA(d:s):2", "DYNAMIC_METADATA(d:o):4"],
	...["DYNAMIC_METADATA(d:n)", "DYNAMIC_METADATA(d:b)", "DYNAMIC_METADATA(d)", "CLUSTER_METADATA(c:k)"],
	...["UPSTREAM_METADATA(h:k)", "UPSTREAM_METADATA(h)", "METADATA(CLUSTER:c)", "METADATA(UPSTREAM_HOST:h:k):1"],
	...["FILTER_STATE(none:PLAIN)", "UPSTREAM_FILTER_STATE(none)", "RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)"],
	...["RESPONSE_CODE_DETAILS(other)", "ACCESS_LOG_TYPE", "LOCAL_REPLY_BODY", "VIRTUAL_CLUSTER_NAME"],
	...['COALESCE({"operators": ["TRACE_ID", {"command": "REQ", "param": "x-user"}]})'],
	...['COALESCE({"operators": ["BYTES_SENT", "PROTOCOL"]}):1', 'COALESCE({"operators": ["TRACE_ID"]})'],
	...['COALESCE({"operators": [{"command": "REQ", "param": "x-user", "max_length": 3}]}):2'],
	...["<START_TIME(%Y %E*S %Ez %Q %s)>", "<START_TIME_LOCAL>", "<EMIT_TIME(%F)>", "<EMIT_TIME_LOCAL(%T)>"],
	...["<DURATION>", "<REQUEST_DURATION>", "<REQUEST_TX_DURATION>", "<RESPONSE_DURATION>", "<RESPONSE_TX_DURATION>"],
	...[
		"DS_RX_BEG:DS_RX_END",
		"DS_RX_BEG:US_TX_BEG",
		"US_TX_BEG:US_TX_END",
		"US_RX_BEG:US_RX_END",
		"DS_TX_BEG:DS_TX_END",
	].map((points) => `<COMMON_DURATION(${points}:us)>`),
	...["US_CX_BEG:US_HS_END", "DS_RX_BEG:custom", "US_RX_BEG:US_RX_BODY_BEG"].map(
		(points) => `<COMMON_DURATION(${points})>`,
	),
];

const bare = (operator: string) => operator.replace(/^<(.*)>$/, "$1");

/** Digits and letters of what is chance become one of each. */
const shape = (text: string) => text.replace(/\d+/g, "0").replace(/[0-9a-f]*[a-f][0-9a-f]*(?=-)|(?<=-)[0-9a-f]+/g, "0");

function stable({ log }: Observation): unknown {
	return log.map((line) =>
		typeof line === "string"
			? line.replace(/^(<.*>)=(.*)$/, (_, name: string, value: string) => `${name}=${shape(value)}`)
			: Object.fromEntries(
					Object.entries(line as JsonObject).map(([name, value]) => [
						name,
						name.startsWith("<") ? (typeof value === "string" ? shape(value) : typeof value) : value,
					]),
				),
	);
}

const TEXT = OPERATORS.map((name) => `${name.replaceAll("%", "")}=%${bare(name)}%\n`).join("");
const JSON_FORMAT: JsonObject = Object.fromEntries(OPERATORS.map((name) => [name, `%${bare(name)}%`]));
const logs = [stdoutLog({ text_format_source: { inline_string: TEXT } }), stdoutLog({ json_format: JSON_FORMAT })];

const AGAIN: JsonObject = {
	retry_on: "5xx,connect-failure",
	retry_host_predicate: [
		{
			name: "envoy.retry_host_predicates.previous_hosts",
			typed_config: any("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
		},
	],
	host_selection_retry_max_attempts: 20,
};

const CASES: readonly Case[] = [
	get(
		"forwarded",
		"/a?q=one%20two&x=%41",
		{ "x-user": "user", "x-envoy-original-host": "orig" },
		{
			answers: { echo: [{ headers: { "x-up": "up" }, trailers: { "x-end": "end" } }] },
		},
	),
	get("rewritten", "/rewritten?q=1", { "x-user": "user" }),
	get("without a query", "/a", {}),
	get("with an empty query", "/a?", {}),
	get("answered here", "/direct?q=1"),
	get("no route", "/none", { host: "none" }),
	get("nobody there", "/dead"),
	get("tried again", "/retry", {}, { answers: { echo: [{ status: 503, body: "" }, {}] } }),
	get("tried on another endpoint that is not there", "/half", {}),
	get("escapes", "/a?q=one%20two&x=%41&y=%2F&z=%26&w=%3D&p=+&u=%C3%A9&bad=%zz&nl=%0a&pc=%25&flag&e=&k%20k=1"),
	{ name: "body", send: { method: "POST", path: "/a", body: "hello" } },
	{ name: "bad request", send: "GET / HTTP/9.9\r\n\r\n" },
];

scene("log operators", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				{
					...listener("in", []),
					metadata: { filter_metadata: { l: { k: "listener" } } },
					filter_chains: [
						{
							name: "chain",
							metadata: { filter_metadata: { f: { k: "chain" } } },
							filters: [
								hcm({
									virtualHosts: [
										{ name: "none", domains: ["none"], routes: [] },
										{
											name: "all",
											domains: ["*"],
											routes: [
												says({ prefix: "/direct" }, "direct"),
												to("dead", "/dead"),
												to("half", "/half", { retry_policy: { ...AGAIN, num_retries: 3 } }),
												to("echo", "/rewritten", { prefix_rewrite: "/new", host_rewrite_literal: "other" }),
												to("echo", "/retry", { retry_policy: { retry_on: "5xx" } }),
												to(
													"echo",
													"/",
													{},
													{
														metadata: { filter_metadata: { r: { s: "text", o: { b: 1, a: "x" } } } },
													},
												),
											],
										},
									],
									filters: [
										httpFilter("set_metadata", "http.set_metadata.v3.Config", {
											metadata: [
												{ metadata_namespace: "d", value: { s: "text", n: 1.5, b: true, o: { y: [1], x: null } } },
											],
										}),
									],
									more: { access_log: logs },
								}),
							],
						},
					],
				},
			],
			clusters: [
				cluster("dead", [1]),
				cluster("half", [1, at.port("echo")]),
				{
					...cluster("echo", []),
					metadata: { filter_metadata: { c: { k: "cluster" } } },
					load_assignment: {
						cluster_name: "echo",
						endpoints: [
							{
								lb_endpoints: [
									{
										endpoint: {
											address: { socket_address: { address: "127.0.0.1", port_value: at.port("echo") } },
											hostname: "echo.host",
										},
										metadata: { filter_metadata: { h: { k: "host" } } },
									},
								],
							},
						],
					},
				},
			],
		},
	}),
	cases: CASES.map((one) => ({ compare: stable, ...one })),
});

scene("log operators of connections", {
	upstreams: { bytes: tcp() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("in", [tcpProxy("bytes", { access_log: logs })]),
				listener("dead", [tcpProxy("dead", { access_log: logs })]),
			],
			clusters: [cluster("bytes", [at.port("bytes")]), cluster("dead", [1])],
		},
	}),
	cases: [
		{
			name: "a connection",
			to: "in",
			protocol: "tcp",
			send: ["hello", { awaitBytes: 5 }],
			end: "half-close",
			compare: stable,
		},
		{ name: "nobody there for a connection", to: "dead", protocol: "tcp", send: [], compare: stable },
	],
});
