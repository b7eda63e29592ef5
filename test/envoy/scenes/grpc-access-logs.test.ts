import { fromBinary, type JsonObject, toJson } from "@bufbuild/protobuf";
import { StreamAccessLogsMessageSchema } from "../../../src/xds/generated/envoy/service/accesslog/v3/als_pb.ts";
import { xdsRegistry } from "../../../src/xds/registry.ts";
import { any, cluster, HTTP2_UPSTREAM, hcm, httpFilter, listener, says, to } from "../harness/bootstrap-parts.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, scene } from "../harness/scene.ts";
import { tcpProxy } from "../harness/tcp-parts.ts";
import { http1, http2, tcp } from "../harness/upstream.ts";

const common = (more: JsonObject = {}): JsonObject => ({
	log_name: "mine",
	transport_api_version: "V3",
	grpc_service: { envoy_grpc: { cluster_name: "logs" }, initial_metadata: [{ key: "X-Token", value: "t" }] },
	buffer_flush_interval: "0.05s",
	...more,
});
const httpLog = (commonConfig: JsonObject, more: JsonObject = {}): JsonObject => ({
	name: "als",
	typed_config: any("envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig", {
		common_config: commonConfig,
		...more,
	}),
});
const tcpLog = (commonConfig: JsonObject): JsonObject => ({
	name: "als",
	typed_config: any("envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig", { common_config: commonConfig }),
});

/** A log service that ends its streams after a while: a case that is played again begins a new one. */
const service = http2({
	answer: {
		early: true,
		wholeBody: true,
		headers: { "content-type": "application/grpc" },
		body: "x",
		bodyDelayMs: 250,
	},
});

/** The messages of a stream of gRPC frames. */
function messagesIn(text: string): JsonObject[] {
	const bytes = Buffer.from(text, "latin1");
	const found: JsonObject[] = [];
	for (let at = 0; at + 5 <= bytes.length; ) {
		const end = at + 5 + bytes.readUInt32BE(at + 1);
		const message = fromBinary(StreamAccessLogsMessageSchema, bytes.subarray(at + 5, end));
		found.push(toJson(StreamAccessLogsMessageSchema, message, { registry: xdsRegistry() }) as JsonObject);
		at = end;
	}
	return found;
}

/** Times say only that they are there; ids and ports of clients too; who writes is not the same program. */
function stable(key: string, value: unknown): unknown {
	if (key === "node") return Object.keys(value as JsonObject).includes("id");
	if (/^(?:timeTo\w+|startTime|duration)$/.test(key)) return typeof value;
	if (/^(?:streamId|requestId|tlsSessionId)$/.test(key)) return String(value).length;
	if (key === "portValue" && (value as number) > 1) return "port";
	if (key === "x-envoy-upstream-service-time") return "ms";
	if (Array.isArray(value)) return value.map((one) => stable("", one));
	if (typeof value !== "object" || value === null) return value;
	const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
	return Object.fromEntries(entries.map(([name, one]) => [name, stable(name, one)]));
}

/** What the service was told, one stream after the other; how entries were batched is chance. */
function told({ upstreams, counters }: Observation): unknown {
	const streams = (upstreams.logs ?? []).map(({ headers, body }) => {
		const messages = messagesIn(body);
		const entries = messages.flatMap(({ httpLogs, tcpLogs }) =>
			[httpLogs, tcpLogs].flatMap((logs) => ((logs as JsonObject | undefined)?.logEntry as JsonObject[]) ?? []),
		);
		return {
			headers: headers?.filter(([name]) => name !== "x-forwarded-for"),
			identifiers: messages.map(({ identifier }) => identifier !== undefined).filter(Boolean).length,
			first: stable("", messages[0]?.identifier),
			entries: stable("", entries),
		};
	});
	return { streams: streams.sort((a, b) => (JSON.stringify(a.first) < JSON.stringify(b.first) ? -1 : 1)), counters };
}

const COUNTERS = [/^access_logs\.grpc_access_log/, "cluster.logs.upstream_rq_total", "cluster.logs.upstream_rq_active"];
const logCase = (one: Case): Case => ({ settleAfterMs: 150, compare: told, counters: COUNTERS, ...one });
const collector = (at: { port(name: string): number }): JsonObject =>
	cluster("logs", [at.port("logs")], HTTP2_UPSTREAM);

const routes: readonly JsonObject[] = [
	says({ prefix: "/direct" }, "direct", { name: "named" }),
	{ match: { prefix: "/redirect" }, redirect: { path_redirect: "/x" } },
	to("dead", "/dead"),
	to("two", "/two"),
	to("one", "/rewritten", { prefix_rewrite: "/new" }),
	to("one", "/slow", { timeout: "0.03s" }),
	to("one", "/retry", { retry_policy: { retry_on: "5xx" } }),
	to("one"),
];

scene("gRPC access log of requests", {
	upstreams: { logs: service, one: http1(), two: http2() },
	bootstrap: (at) => ({
		node: { id: "node-1", cluster: "shop" },
		static_resources: {
			listeners: [
				listener("in", [
					hcm({
						routes,
						more: {
							http_filters: [
								httpFilter("set_metadata", "http.set_metadata.v3.Config", {
									metadata: [{ metadata_namespace: "a", value: { k: "v", n: 1 } }],
								}),
								httpFilter("router", "http.router.v3.Router", { suppress_envoy_headers: true }),
							],
							access_log: [
								httpLog(
									common({
										filter_state_objects_to_log: ["wasm.upstream_peer", "wasm.downstream_peer_id"],
										custom_tags: [
											{ tag: "lit", literal: { value: "eral" } },
											{ tag: "env", environment: { name: "LATEEN_NONE", default_value: "none" } },
											{ tag: "head", request_header: { name: "x-a", default_value: "no" } },
											{ tag: "gone", request_header: { name: "x-gone" } },
											{
												tag: "meta",
												metadata: { kind: { request: {} }, metadata_key: { key: "a", path: [{ key: "k" }] } },
											},
										],
									}),
									{
										additional_request_headers_to_log: ["X-A", "x-none", ":method", "x-twice"],
										additional_response_headers_to_log: ["X-B", "server", "x-none"],
										additional_response_trailers_to_log: ["x-c"],
									},
								),
							],
						},
					}),
				]),
			],
			clusters: [
				collector(at),
				cluster("one", [at.port("one")]),
				cluster("two", [at.port("two")], HTTP2_UPSTREAM),
				cluster("dead", [1]),
			],
		},
	}),
	cases: [
		{
			name: "one stream for everything",
			connections: [
				{
					send: [
						{
							path: "/a?q=1",
							headers: { "x-a": "1", "user-agent": "agent", referer: "ref", "x-forwarded-for": "10.0.0.9" },
						},
						{ method: "POST", path: "/rewritten/x", body: "hello" },
						{ method: "PROPFIND", path: "/a" },
						{ path: "/direct" },
						{ path: "/redirect" },
						{ path: "/dead" },
						{ path: "/retry" },
						{ path: "/slow" },
					],
				},
				{ send: "GET /a HTTP/1.1\r\nhost: h\r\nx-twice: a\r\nx-twice: b\r\n\r\n" },
			],
			answers: {
				one: [
					{ headers: { "x-b": "2" }, trailers: { "x-c": "3" } },
					{},
					{},
					{ status: 503, body: "" },
					{ body: "again" },
					{ delayMs: 200 },
					{},
				],
			},
		},
		{
			name: "a new stream names itself",
			settleAfterMs: 400,
			connections: [{ send: [{ path: "/direct" }, { pauseMs: 400 }, { path: "/direct" }] }],
		},
	].map((one) => logCase(one as Case)),
});

scene("gRPC access log of connections", {
	upstreams: { logs: service, bytes: tcp() },
	bootstrap: (at) => ({
		node: { id: "node-1", cluster: "shop" },
		static_resources: {
			listeners: [
				listener("in", [
					tcpProxy("bytes", {
						access_log: [tcpLog(common({ custom_tags: [{ tag: "lit", literal: { value: "eral" } }] }))],
						access_log_options: { flush_access_log_on_connected: true },
					}),
				]),
				listener("dead", [tcpProxy("dead", { access_log: [tcpLog(common({ log_name: "other" }))] })]),
			],
			clusters: [collector(at), cluster("bytes", [at.port("bytes")]), cluster("dead", [1])],
		},
	}),
	cases: [
		logCase({
			name: "connected and ended",
			connections: [
				{ to: "in", protocol: "tcp", send: ["hello", { awaitBytes: 5 }], end: "half-close" },
				{ to: "dead", protocol: "tcp", send: ["hello"] },
			],
		}),
	],
});
