import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, HTTP2_UPSTREAM, hcm, listener, to } from "../harness/bootstrap-parts.ts";
import type { Http2Request, Request } from "../harness/conversation.ts";
import { type Case, scene } from "../harness/scene.ts";
import { dead, http1, http2 } from "../harness/upstream.ts";

const COUNTERS = [
	/^cluster\.two\.upstream_(rq_(total|completed|pending_total|rx_reset|tx_reset|retry|[1-5]xx|pending_overflow|timeout)|cx_(total|http\d_total|destroy|max_requests|close_notify|overflow))$/,
];

function one(name: string, send: Request, more: Partial<Case> = {}): Case {
	return { name, to: "in", send, counters: COUNTERS, ...more } as Case;
}

function h2(name: string, requests: readonly Http2Request[], more: Partial<Case> = {}): Case {
	return { name, to: "in", protocol: "http2", requests, counters: COUNTERS, ...more } as Case;
}

function protocolOptions(value: JsonObject): JsonObject {
	const name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
	return { typed_extension_protocol_options: { [name]: any(name, value) } };
}

const h2Options = (options: JsonObject, common: JsonObject = {}) =>
	protocolOptions({
		common_http_protocol_options: common,
		explicit_http_config: { http2_protocol_options: options },
	});

const WEBSOCKET: Http2Request = {
	method: "CONNECT",
	path: "/ws",
	headers: { ":protocol": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "x" },
	body: "ping",
};

const UPGRADE = { connection: "upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
const ACCEPTED = {
	status: 101,
	headers: { connection: "upgrade", upgrade: "websocket", "sec-websocket-accept": "y" },
	tunnel: true,
};

scene("HTTP/2 to endpoints", {
	upstreams: { two: http2(), one: http1(), dead: dead() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("in", [
					hcm({
						routes: [
							to("one", "/one"),
							to("as-client", "/as-client"),
							to("single", "/single"),
							to("legacy", "/legacy"),
							to("few", "/few"),
							to("connect", "/ws2"),
							to("two", "/slow", { timeout: "0.1s" }),
							to("two", "/retry", { retry_policy: { retry_on: "refused-stream", num_retries: 1 }, timeout: "0s" }),
							{
								match: { connect_matcher: {} },
								route: { cluster: "one", upgrade_configs: [{ upgrade_type: "CONNECT" }] },
							},
							to("one", "/ws", { upgrade_configs: [{ upgrade_type: "websocket" }] }),
							to("two"),
						],
						more: {
							upgrade_configs: [{ upgrade_type: "websocket" }],
							http2_protocol_options: { allow_connect: true },
						},
					}),
				]),
				listener("strict", [
					hcm({ routes: [to("two")], more: { http2_protocol_options: { max_concurrent_streams: 2 } } }),
				]),
			],
			clusters: [
				cluster("two", [at.port("two")], HTTP2_UPSTREAM),
				cluster("connect", [at.port("two")], h2Options({ allow_connect: true })),
				cluster("one", [at.port("one")]),
				cluster(
					"as-client",
					[at.port("two")],
					protocolOptions({ use_downstream_protocol_config: { http2_protocol_options: {} } }),
				),
				cluster("single", [at.port("two")], h2Options({}, { max_requests_per_connection: 1 })),
				cluster("few", [at.port("two")], h2Options({ max_concurrent_streams: 1 })),
				cluster("legacy", [at.port("two")], { http2_protocol_options: {} }),
			],
		},
	}),
	cases: [
		one("a request and its answer", { path: "/a?b=c", headers: { "X-Test": "1" } }),
		one("fields of this hop", {
			headers: {
				connection: "keep-alive, x-mine",
				"keep-alive": "1",
				"x-mine": "2",
				te: "gzip",
				"proxy-connection": "x",
			},
		}),
		one("te: trailers", { headers: { te: "trailers" } }),
		one("te: trailers and more", { headers: { te: "gzip, trailers" } }),
		one("HEAD", { method: "HEAD" }),
		one("a body with a length", { method: "POST", body: "hello" }),
		one("a body in chunks", { method: "POST", body: "hello", chunked: true }),
		one("a POST without body", { method: "POST" }),
		one(
			"a large body both ways",
			{ method: "POST", body: { repeat: "0123456789", times: 50_000 } },
			{
				answers: { two: [{ body: { repeat: "abc", times: 200_000 } }] },
			},
		),
		one(
			"trailers of the answer",
			{ headers: { te: "trailers" } },
			{
				answers: { two: [{ body: "x", trailers: { "x-end": "1" } }] },
			},
		),
		one("an answer with its length", {}, { answers: { two: [{ body: "12345", headers: { "content-length": "5" } }] } }),
		one("204", {}, { answers: { two: [{ status: 204, body: "" }] } }),
		one("304", {}, { answers: { two: [{ status: 304, body: "" }] } }),
		one("200 without body", {}, { answers: { two: [{ status: 200, body: "" }] } }),
		one(
			"an interim answer",
			{},
			{
				answers: { two: [{ informational: [{ status: 103, headers: { link: "</a>" } }], body: "x" }] },
			},
		),
		one("the endpoint resets the stream", {}, { answers: { two: [{ finish: "reset" }] } }),
		one("the endpoint refuses the stream", {}, { answers: { two: [{ finish: "reset", resetCode: 7 }] } }),
		one("the endpoint resets with NO_ERROR", {}, { answers: { two: [{ finish: "reset", resetCode: 0 }] } }),
		one("the endpoint resets with CONNECT_ERROR", {}, { answers: { two: [{ finish: "reset", resetCode: 10 }] } }),
		one(
			"the endpoint resets the stream in the answer",
			{},
			{
				answers: { two: [{ status: 200, body: "half", finish: "reset" }] },
			},
		),
		one("an answer too late", { path: "/slow" }, { answers: { two: [{ delayMs: 400 }] }, settleAfterMs: 30 }),
		one(
			"refused, then answered",
			{ path: "/retry" },
			{
				answers: { two: [{ finish: "reset", resetCode: 7 }, { body: "second" }] },
			},
		),
		one("GOAWAY with the answer", {}, { answers: { two: [{ body: "last", finish: "close" }] }, settleAfterMs: 30 }),
		one("a new connection after GOAWAY", {}),
		one(
			"as the client speaks: HTTP/1",
			{ path: "/as-client" },
			{
				compare: ({ connections, log }) => ({ connections, log }),
			},
		),
		h2("as the client speaks: HTTP/2", [{ path: "/as-client" }]),
		one("one request per connection", { path: "/single" }, { pooling: true }),
		{
			name: "one request per connection, twice",
			to: "in",
			send: [{ path: "/single/1" }, { path: "/single/2" }],
			pooling: true,
			counters: [/^cluster\.single\.upstream_cx_(total|max_requests|http2_total)$/],
		},
		{
			name: "requests share a connection",
			to: "in",
			send: [{ path: "/1" }, { path: "/2" }, { path: "/3" }],
			pooling: true,
			counters: COUNTERS,
		},
		h2("one stream per connection", [{ path: "/few/1" }, { path: "/few/2" }, { path: "/few/3" }], {
			parallel: true,
			unordered: true,
			answers: { two: [{ delayMs: 50 }] },
			counters: [/^cluster\.few\.upstream_cx_(total|http2_total)$/],
		} as Partial<Case>),
		one("the old way to say HTTP/2", { path: "/legacy" }),
		h2("WebSocket over HTTP/2 to HTTP/1", [WEBSOCKET], {
			answers: { one: [ACCEPTED] },
			withinMs: 300,
			differs: "tunnel-half-close",
		} as Partial<Case>),
		h2("WebSocket over HTTP/2, refused", [WEBSOCKET], { answers: { one: [{ status: 403, body: "no" }] } }),
		{
			name: "WebSocket over HTTP/1 to HTTP/1",
			to: "in",
			send: { path: "/ws", headers: UPGRADE },
			tunnel: "ping",
			answers: { one: [ACCEPTED] },
			counters: COUNTERS,
		},
		h2("CONNECT over HTTP/2", [{ method: "CONNECT", authority: "far.away:443", body: "ping" }], {
			answers: { one: [{ status: 200, tunnel: true }] },
			differs: "tunnel-half-close",
		}),
		h2("more streams than allowed", [{ path: "/1" }, { path: "/2" }, { path: "/3" }], {
			to: "strict",
			parallel: true,
			unordered: true,
			answers: { two: [{ delayMs: 50 }] },
		} as Partial<Case>),
	],
});
