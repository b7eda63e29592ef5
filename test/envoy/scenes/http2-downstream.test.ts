import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, HTTP2_UPSTREAM, hcm, listener, says, to } from "../harness/bootstrap-parts.ts";
import type { Http2Request } from "../harness/conversation.ts";
import { type Case, scene } from "../harness/scene.ts";
import { dead, http1, http2 } from "../harness/upstream.ts";

const COUNTERS = [
	/^http\.in\.downstream_(rq|cx)_(http\d_total|total|completed|rx_reset|tx_reset|[1-5]xx|protocol_error)$/,
];

function h2(name: string, requests: readonly Http2Request[], more: Partial<Case> = {}): Case {
	return { name, to: "in", protocol: "http2", requests, counters: COUNTERS, ...more } as Case;
}

const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-field-${i}`, "v"]));

const ROUTES: readonly JsonObject[] = [
	says({ path: "/direct" }, "said by the proxy"),
	{ match: { path: "/nobody" }, direct_response: { status: 204 } },
	{ match: { path: "/moved" }, redirect: { path_redirect: "/new", response_code: "FOUND" } },
	to("dead", "/dead"),
	to("missing", "/missing"),
	to("one", "/one"),
	to("two", "/slow", { timeout: "0.1s" }),
	to("two", "/retry", { retry_policy: { retry_on: "5xx,refused-stream,reset", num_retries: 2 }, timeout: "0s" }),
	to("two"),
];

scene("HTTP/2 from clients", {
	upstreams: { one: http1(), two: http2(), dead: dead() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("in", [hcm({ routes: ROUTES, routeConfig: { validate_clusters: false } })]),
				listener("only2", [hcm({ routes: [to("two")], more: { codec_type: "HTTP2" } })]),
				listener("only1", [hcm({ routes: [to("one")], more: { codec_type: "HTTP1" } })]),
				listener("edge", [
					hcm({
						routes: [to("two")],
						more: { use_remote_address: true, skip_xff_append: true, proxy_100_continue: true },
					}),
				]),
			],
			clusters: [
				cluster("one", [at.port("one")]),
				cluster("two", [at.port("two")], HTTP2_UPSTREAM),
				cluster("dead", [at.port("dead")], HTTP2_UPSTREAM),
			],
		},
	}),
	cases: [
		h2("a request and its answer", [{ path: "/a?b=c", headers: { "x-test": "1" } }]),
		h2("to an HTTP/1 endpoint", [{ path: "/one", headers: { "x-test": "1", te: "trailers" } }]),
		h2("requests one after the other", [{ path: "/1" }, { path: "/one/2" }, { path: "/direct" }]),
		h2(
			"requests at the same time",
			Array.from({ length: 20 }, (_, i) => ({ path: `/${i % 2 ? "one/" : ""}${i}` })),
			{
				parallel: true,
				unordered: true,
			},
		),
		h2("said by the proxy itself", [{ path: "/direct" }, { path: "/nobody" }, { path: "/moved" }]),
		h2("HEAD", [{ method: "HEAD" }, { method: "HEAD", path: "/one" }, { method: "HEAD", path: "/direct" }]),
		h2("a body", [
			{ method: "POST", body: "hello" },
			{ method: "POST", path: "/one", body: "hello" },
			{ method: "POST", path: "/direct", body: "hello" },
		]),
		h2("a body with its length told", [
			{ method: "POST", body: "hello", headers: { "content-length": "5" } },
			{ method: "POST", path: "/one", body: "hello", headers: { "content-length": "5" } },
		]),
		h2("a POST without body", [{ method: "POST" }, { method: "POST", path: "/one" }]),
		h2("large bodies both ways", [{ method: "POST", body: { repeat: "0123456789", times: 50_000 } }], {
			answers: { two: [{ body: { repeat: "abc", times: 200_000 } }] },
		}),
		h2(
			"large bodies both ways to HTTP/1",
			[{ method: "POST", path: "/one", body: { repeat: "0123456789", times: 50_000 } }],
			{
				answers: { one: [{ body: { repeat: "abc", times: 200_000 } }] },
			},
		),
		h2("trailers of the request", [
			{ method: "POST", body: "x", trailers: { "x-end": "1" } },
			{ method: "POST", path: "/one", body: "x", trailers: { "x-end": "1" } },
		]),
		h2("trailers of the answer", [{ path: "/" }], { answers: { two: [{ body: "x", trailers: { "x-end": "1" } }] } }),
		h2("trailers of the answer from HTTP/1", [{ path: "/one" }], {
			answers: { one: [{ body: "x", trailers: { "x-end": "1" } }] },
		}),
		h2("answers without body", [{ path: "/" }, { path: "/" }, { path: "/" }], {
			answers: {
				two: [
					{ status: 204, body: "" },
					{ status: 304, body: "" },
					{ status: 200, body: "" },
				],
			},
		}),
		h2("answers without body from HTTP/1", [{ path: "/one" }, { path: "/one" }], {
			answers: {
				one: [
					{ status: 204, body: "" },
					{ status: 304, body: "", headers: { "content-length": "10" } },
				],
			},
		}),
		h2("an answer in chunks", [{ path: "/one" }], { answers: { one: [{ framing: "chunked", body: "pieces" }] } }),
		h2("an answer until the connection closes", [{ path: "/one" }], {
			answers: { one: [{ framing: "until-close", body: "pieces", finish: "close" }] },
		}),
		h2("hop-by-hop fields of an HTTP/1 answer", [{ path: "/one" }], {
			answers: {
				one: [{ headers: { "keep-alive": "timeout=5", "proxy-connection": "x", upgrade: "h2c" }, body: "x" }],
			},
		}),
		h2("crumbs of a cookie", [
			{
				headers: [
					["cookie", "a=1"],
					["cookie", "b=2"],
					["x-a", "1"],
				],
			},
			{
				path: "/one",
				headers: [
					["cookie", "a=1"],
					["cookie", "b=2"],
				],
			},
		]),
		h2("several cookies are set", [{ path: "/" }], {
			answers: {
				two: [
					{
						headers: [
							["set-cookie", "a=1"],
							["x", "y"],
						],
						body: "x",
					},
				],
			},
		}),
		h2("host beside :authority", [{ headers: { host: "other.local" } }]),
		h2("host instead of :authority", [{ headers: { ":authority": "", host: "other.local" } }]),
		h2("no host at all", [{ headers: { ":authority": "" } }]),
		h2("a port in :authority", [{ authority: "test.local:8080" }]),
		h2("scheme https on plaintext", [{ scheme: "https" }, { scheme: "https", path: "/one" }]),
		h2("a fragment in the path", [{ path: "/a#b" }]),
		h2("OPTIONS *", [{ method: "OPTIONS", path: "*" }]),
		h2("an unknown method", [{ method: "BREW" }]),
		h2("fields that steer the proxy", [
			{ headers: { "x-envoy-upstream-rq-timeout-ms": "1000", "x-forwarded-for": "1.2.3.4", "x-request-id": "mine" } },
		]),
		h2(
			"fields that steer the proxy, at the edge",
			[{ headers: { "x-forwarded-for": "1.2.3.4", "x-envoy-max-retries": "3" } }],
			{
				to: "edge",
			} as Partial<Case>,
		),
		h2("90 fields", [{ headers: many(90) }]),
		h2("120 fields", [{ headers: many(120) }, { path: "/after" }]),
		h2("a field of 70 kB", [{ headers: { "x-big": "b".repeat(70_000) } }, { path: "/after" }]),
		h2("expect: 100-continue", [{ method: "POST", body: "x", headers: { expect: "100-continue" } }]),
		h2("expect: 100-continue, passed on", [{ method: "POST", body: "x", headers: { expect: "100-continue" } }], {
			to: "edge",
		} as Partial<Case>),
		h2("an interim answer", [{ path: "/" }], {
			answers: { two: [{ informational: [{ status: 103, headers: { link: "</a>" } }], body: "x" }] },
		}),
		h2("an interim answer, passed on", [{ path: "/" }], {
			to: "edge",
			answers: { two: [{ informational: [{ status: 103, headers: { link: "</a>" } }], body: "x" }] },
		} as Partial<Case>),
		h2("nobody listens", [{ path: "/dead" }], { counters: ["cluster.dead.upstream_cx_connect_fail"] }),
		h2("no such cluster", [{ path: "/missing" }]),
		h2("the endpoint resets the stream", [{ path: "/" }], { answers: { two: [{ finish: "reset" }] } }),
		h2("the endpoint refuses the stream", [{ path: "/" }], { answers: { two: [{ finish: "reset", resetCode: 7 }] } }),
		h2("the endpoint cancels the stream", [{ path: "/" }], { answers: { two: [{ finish: "reset", resetCode: 8 }] } }),
		h2("the endpoint resets the stream in the answer", [{ path: "/" }], {
			answers: { two: [{ status: 200, body: "half", finish: "reset" }] },
		}),
		h2("an HTTP/1 answer that breaks off", [{ path: "/one" }], {
			answers: { one: [{ raw: "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", finish: "close" }] },
		}),
		h2("an answer too late", [{ path: "/slow" }], { answers: { two: [{ delayMs: 400 }] } }),
		h2("an answer that never ends", [{ path: "/slow" }], {
			answers: { two: [{ status: 200, body: "half", finish: "hang" }] },
		}),
		h2("retried after 503", [{ path: "/retry" }], { answers: { two: [{ status: 503 }, { body: "second" }] } }),
		h2("retried after a refused stream", [{ path: "/retry" }], {
			answers: { two: [{ finish: "reset", resetCode: 7 }, { body: "second" }] },
		}),
		h2("retried after a reset, with a body", [{ path: "/retry", method: "POST", body: "keep me" }], {
			answers: { two: [{ finish: "reset" }, { body: "second" }] },
		}),
		h2("the client gives up", [{ path: "/", cancel: { afterMs: 30, code: 8 } }, { path: "/direct" }], {
			answers: { two: [{ delayMs: 300 }] },
			settleAfterMs: 20,
		}),
		h2("gRPC: nobody listens", [
			{ method: "POST", path: "/dead", headers: { "content-type": "application/grpc" }, body: "x" },
		]),
		h2(
			"gRPC: an answer too late",
			[{ method: "POST", path: "/slow", headers: { "content-type": "application/grpc" }, body: "x" }],
			{
				answers: { two: [{ delayMs: 400 }] },
			},
		),
		h2(
			"gRPC: trailers only",
			[{ method: "POST", headers: { "content-type": "application/grpc", te: "trailers" }, body: "x" }],
			{
				answers: { two: [{ headers: { "content-type": "application/grpc", "grpc-status": "5" }, body: "" }] },
			},
		),
		h2(
			"gRPC: HTTP error of the endpoint",
			[{ method: "POST", headers: { "content-type": "application/grpc" }, body: "x" }],
			{
				answers: { two: [{ status: 503, body: "no" }] },
			},
		),
		h2("codec_type HTTP2", [{ path: "/" }], { to: "only2" } as Partial<Case>),
		{ name: "codec_type HTTP2, an HTTP/1 client", to: "only2", send: "GET / HTTP/1.1\r\nhost: a\r\n\r\n" },
		{ name: "codec_type HTTP1, an HTTP/2 client", to: "only1", send: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
		{ name: "HTTP/1 beside HTTP/2", to: "in", send: { path: "/" } },
		{
			name: "HTTP/1 that offers h2c",
			to: "in",
			send: {
				path: "/one",
				headers: { connection: "upgrade, http2-settings", upgrade: "h2c", "http2-settings": "AAMAAABkAAQAAP__" },
			},
		},
	],
});
