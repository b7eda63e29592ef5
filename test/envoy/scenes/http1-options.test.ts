import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, hcm, listener, says, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { dead, http1, tcp } from "../harness/upstream.ts";

const WS = "GET /ws HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
const SWITCH = {
	raw: "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n",
	tunnel: true,
};
const CONNECT = "CONNECT far:80 HTTP/1.1\r\nhost: far:80\r\n\r\n";

const raw = (to: string, name: string, send: string, more: Partial<Case> = {}): Case =>
	({ name: `${to}: ${name}`, to, send, ...more }) as Case;

const connectTo = (cluster: string, more: JsonObject = {}): JsonObject => ({
	match: { connect_matcher: {} },
	route: { cluster, upgrade_configs: [{ upgrade_type: "CONNECT", ...more }] },
});

scene("options of HTTP/1", {
	upstreams: { echo: http1(), bytes: tcp(), dead: dead() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("old", [
					hcm({
						routes: [says({ path: "/says" }, "from the route"), to("echo")],
						more: { http_protocol_options: { accept_http_10: true, default_host_for_http_10: "default.example" } },
					}),
				]),
				listener("old-without-host", [
					hcm({ routes: [to("echo")], more: { http_protocol_options: { accept_http_10: true } } }),
				]),
				listener("trailers", [
					hcm({ routes: [to("echo")], more: { http_protocol_options: { enable_trailers: true } } }),
				]),
				listener("continue", [
					hcm({ routes: [says({ path: "/says" }, "x"), to("echo")], more: { proxy_100_continue: true } }),
				]),
				listener("methods", [
					hcm({ routes: [to("echo")], more: { http_protocol_options: { allow_custom_methods: true } } }),
				]),
				listener("relative", [
					hcm({ routes: [to("echo")], more: { http_protocol_options: { allow_absolute_url: false } } }),
				]),
				listener("upgrade", [
					hcm({
						routes: [
							to("echo", "/no", { upgrade_configs: [{ upgrade_type: "websocket", enabled: false }] }),
							says({ path: "/says" }, "from the route"),
							to("dead", "/dead"),
							to("echo"),
						],
						more: { upgrade_configs: [{ upgrade_type: "websocket" }] },
					}),
				]),
				listener("connect", [
					hcm({ routes: [connectTo("echo"), to("echo")], more: { upgrade_configs: [{ upgrade_type: "CONNECT" }] } }),
				]),
				listener("terminate", [
					hcm({
						routes: [connectTo("bytes", { connect_config: {} })],
						more: { upgrade_configs: [{ upgrade_type: "CONNECT" }] },
					}),
				]),
				listener("terminate-dead", [
					hcm({
						routes: [connectTo("dead", { connect_config: {} })],
						more: { upgrade_configs: [{ upgrade_type: "CONNECT" }] },
					}),
				]),
			],
			clusters: [
				cluster("echo", [at.port("echo")]),
				cluster("bytes", [at.port("bytes")]),
				cluster("dead", [at.port("dead")]),
			],
		},
	}),
	cases: [
		raw("old", "HTTP/1.0", "GET / HTTP/1.0\r\nhost: a\r\n\r\n"),
		raw("old", "HTTP/1.0 without host", "GET / HTTP/1.0\r\n\r\n"),
		raw(
			"old",
			"keep-alive",
			"GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\nhost: a\r\n\r\n",
			{ expect: 2 } as Partial<Case>,
		),
		raw("old", "a chunked answer", "GET / HTTP/1.0\r\nhost: a\r\n\r\n", {
			answers: { echo: [{ body: "abc", framing: "chunked" }] },
		}),
		raw("old", "a chunked answer, keep-alive", "GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n", {
			answers: { echo: [{ body: "abc", framing: "chunked" }] },
		}),
		raw("old", "a body", "POST / HTTP/1.0\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"),
		{
			...raw(
				"old",
				"chunks in HTTP/1.0",
				"POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
			),
			differs: "strict-http1",
		},
		raw("old", "HEAD", "HEAD / HTTP/1.0\r\nhost: a\r\n\r\n"),
		raw("old", "the proxy's own answer", "GET /says HTTP/1.0\r\nhost: a\r\n\r\n"),
		raw("old", "HTTP/1.1 besides", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("old-without-host", "HTTP/1.0 without host", "GET / HTTP/1.0\r\n\r\n"),
		{
			name: "trailers: both ways",
			to: "trailers",
			send: { method: "POST", body: "abc", trailers: { "x-end": "1" } },
			answers: { echo: [{ body: "x", trailers: { "x-done": "2" } }] },
		},
		{
			name: "trailers: of a request with te",
			to: "trailers",
			send: { method: "POST", headers: { te: "trailers", trailer: "x-end" }, body: "abc", trailers: { "x-end": "1" } },
		},
		{
			...raw(
				"trailers",
				"a forbidden one",
				"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\ncontent-length: 3\r\n\r\n",
			),
			differs: "strict-http1",
		},
		raw("continue", "100 and 103", "GET / HTTP/1.1\r\nhost: a\r\n\r\n", {
			answers: { echo: [{ informational: [{ status: 100 }, { status: 103, headers: { link: "</a>" } }] }] },
		}),
		raw(
			"continue",
			"100 and 103 after Expect",
			"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc",
			{ answers: { echo: [{ informational: [{ status: 100 }, { status: 103, headers: { link: "</a>" } }] }] } },
		),
		raw("continue", "102", "GET / HTTP/1.1\r\nhost: a\r\n\r\n", {
			answers: { echo: [{ informational: [{ status: 102, headers: { "x-a": "1" } }] }] },
		}),
		raw(
			"continue",
			"the upstream refuses",
			"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n",
			{ answers: { echo: [{ status: 417, early: true }] } },
		),
		raw(
			"continue",
			"the proxy answers",
			"POST /says HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n",
		),
		raw("methods", "an unknown method", "HELLO / HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("methods", "a method in lower case", "get / HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("methods", "a method with a bracket", "GE(T / HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("relative", "an absolute target", "GET http://other.example/a HTTP/1.1\r\nhost: test.local\r\n\r\n"),
		raw("relative", "a relative one", "GET /a HTTP/1.1\r\nhost: test.local\r\n\r\n"),
		raw("upgrade", "a WebSocket", WS, { answers: { echo: [SWITCH] }, tunnel: "ping", settleMs: 80 } as Partial<Case>),
		raw("upgrade", "the upstream declines", WS, { answers: { echo: [{ status: 400, body: "no" }] } }),
		raw("upgrade", "the upstream answers 200", WS, { answers: { echo: [{ status: 200, body: "plain" }] } }),
		raw("upgrade", "the upstream hangs up", WS, { answers: { echo: [{ raw: "", finish: "close" }] } }),
		raw("upgrade", "another protocol", "GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: foo\r\n\r\n"),
		raw(
			"upgrade",
			"forbidden by the route",
			"GET /no HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
		),
		raw(
			"upgrade",
			"answered by the proxy",
			"GET /says HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
		),
		raw(
			"upgrade",
			"nobody listens",
			"GET /dead HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
		),
		raw(
			"upgrade",
			"in capitals",
			"GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\r\n",
			{ answers: { echo: [SWITCH] }, tunnel: "ping", settleMs: 80 } as Partial<Case>,
		),
		{
			...raw(
				"upgrade",
				"with a body",
				"POST /ws HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\ncontent-length: 3\r\n\r\nabc",
				{ answers: { echo: [SWITCH] }, tunnel: "ping", settleMs: 80 } as Partial<Case>,
			),
			differs: "upgrade-with-body",
		},
		raw("connect", "passed on", CONNECT, {
			answers: { echo: [{ status: 200, tunnel: true, raw: "HTTP/1.1 200 OK\r\n\r\n" }] },
			tunnel: "ping",
			settleMs: 80,
		} as Partial<Case>),
		raw("connect", "declined", CONNECT, { answers: { echo: [{ status: 403, body: "no" }] } }),
		raw("terminate", "to bytes", CONNECT, { tunnel: "ping", settleMs: 80 } as Partial<Case>),
		raw("terminate", "an upstream that speaks first", CONNECT, {
			answers: { bytes: [{ greet: "220 hi\r\n" }] },
			tunnel: "ping",
			settleMs: 80,
		} as Partial<Case>),
		raw("terminate", "GET is no CONNECT", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("terminate-dead", "nobody listens", CONNECT),
	],
});
