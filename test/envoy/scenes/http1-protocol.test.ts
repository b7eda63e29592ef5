import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, httpListener, says, to } from "../harness/bootstrap-parts.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { dead, http1 } from "../harness/upstream.ts";

const GET = "GET / HTTP/1.1\r\nhost: test.local\r\n\r\n";
const LONG_STATS = [
	/^http\.in\.downstream_rq_/,
	/^cluster\.echo\.upstream_rq_(total|completed|[2345]xx|\d+|rx_reset|tx_reset)$/,
];

/** For what Envoy may or may not have sent on when it sees the end. */
const withoutUpstreams = ({ connections, log }: Observation) => ({ connections, log });

const raw = (name: string, send: string, more: Partial<Case> = {}): Case => ({ name, send, ...more }) as Case;

const stage = (more: JsonObject, routes: readonly JsonObject[] = []) => ({
	upstreams: { echo: http1(), dead: dead() },
	bootstrap: (at: { port(name: string): number }) => ({
		static_resources: {
			listeners: [
				httpListener({
					routes: [says({ path: "/says" }, "from the route"), to("dead", "/dead"), ...routes, to("echo")],
					more,
				}),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("dead", [at.port("dead")])],
		},
	}),
});

/** Whether the endpoint hears of the request before the client goes is a matter of chance. */
const clientsSide = ({ connections }: Observation): unknown => connections;

scene("HTTP/1 by default", {
	...stage({}),
	cases: [
		get("GET", "/", {}, { counters: LONG_STATS }),
		get("a reply of the proxy", "/says", {}, { counters: LONG_STATS }),
		get("nobody listens", "/dead", {}, { counters: [/^cluster\.dead\.upstream_/, /^http\.in\.downstream_rq/] }),
		{
			name: "HEAD with a length",
			send: { method: "HEAD" },
			answers: { echo: [{ raw: "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n" }] },
		},
		{
			name: "HEAD with chunks",
			send: { method: "HEAD" },
			answers: { echo: [{ raw: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" }] },
		},
		{ name: "HEAD of the proxy's reply", send: { method: "HEAD", path: "/says" } },
		{ name: "HEAD of an error", send: { method: "HEAD", path: "/dead" } },
		{ name: "204", send: {}, answers: { echo: [{ raw: "HTTP/1.1 204 No Content\r\n\r\n" }] } },
		{
			name: "204 with a length",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n" }] },
		},
		{
			name: "304 without a length",
			send: { path: "/" },
			answers: { echo: [{ raw: "HTTP/1.1 304 Not Modified\r\n\r\n" }] },
		},
		{
			name: "304 without a length to HEAD",
			send: { method: "HEAD", path: "/" },
			answers: { echo: [{ raw: "HTTP/1.1 304 Not Modified\r\n\r\n" }] },
		},
		{
			name: "304 with a length",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n" }] },
		},
		{ name: "205", send: {}, answers: { echo: [{ raw: "HTTP/1.1 205 Reset\r\ncontent-length: 0\r\n\r\n" }] } },
		{
			name: "an answer until close",
			send: {},
			answers: { echo: [{ body: "abc", framing: "until-close", finish: "close" }] },
		},
		{
			name: "an HTTP/1.0 answer",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.0 200 OK\r\n\r\nabc", finish: "close" }] },
		},
		{
			name: "an HTTP/1.0 answer with a length",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc", finish: "close" }] },
		},
		{
			name: "an answer without reason",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n" }] },
		},
		{
			name: "an answer with its own reason",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.1 200 Fine by me\r\ncontent-length: 0\r\n\r\n" }] },
		},
		{ name: "a strange status", send: {}, answers: { echo: [{ raw: "HTTP/1.1 299 X\r\ncontent-length: 0\r\n\r\n" }] } },
		{ name: "status 600", send: {}, answers: { echo: [{ raw: "HTTP/1.1 600 X\r\ncontent-length: 0\r\n\r\n" }] } },
		{ name: "status 999", send: {}, answers: { echo: [{ raw: "HTTP/1.1 999 X\r\ncontent-length: 0\r\n\r\n" }] } },
		{ name: "no status", send: {}, answers: { echo: [{ raw: "HTTP/1.1 X\r\ncontent-length: 0\r\n\r\n" }] } },
		{ name: "no HTTP", send: {}, answers: { echo: [{ raw: "SSH-2.0-x\r\n\r\n" }] } },
		{
			name: "two lengths in an answer",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab" }] },
		},
		{
			name: "two equal lengths in an answer",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na" }] },
		},
		{
			name: "length and chunks in an answer",
			send: {},
			answers: {
				echo: [
					{ raw: "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" },
				],
			},
		},
		{
			name: "an answer longer than it says",
			send: [{}, {}],
			answers: { echo: [{ raw: "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabc" }] },
		},
		{
			name: "a broken chunk",
			differs: "strict-http1",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n" }] },
		},
		{
			name: "an answer that ends in its head",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.1 200 OK\r\ncontent-le", finish: "close" }] },
		},
		{
			name: "a chunked answer that breaks off",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", finish: "close" }] },
		},
		{
			name: "a reset in the answer",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab", finish: "reset" }] },
		},
		{
			name: "connection: close from the upstream",
			send: [{}, {}],
			answers: { echo: [{ headers: { connection: "close" }, finish: "close" }] },
		},
		{
			name: "hop-by-hop fields of an answer",
			send: {},
			answers: {
				echo: [
					{
						headers: [
							["connection", "x-hop"],
							["x-hop", "1"],
							["keep-alive", "1"],
							["proxy-connection", "x"],
							["te", "a"],
							["upgrade", "foo"],
							["trailer", "x"],
							["proxy-authenticate", "Basic"],
							["x-keep", "1"],
						],
					},
				],
			},
		},
		{
			name: "hop-by-hop fields of a request",
			send: {
				headers: [
					["connection", "x-hop, keep-alive"],
					["x-hop", "1"],
					["keep-alive", "1"],
					["proxy-connection", "x"],
					["te", "trailers, deflate"],
					["upgrade", "foo"],
					["trailer", "x"],
					["proxy-authorization", "Basic x"],
					["x-keep", "1"],
				],
			},
		},
		{ name: "te: trailers", send: { headers: { te: "trailers" } } },
		{ name: "trailers of a request", send: { method: "POST", body: "abc", trailers: { "x-end": "1" } } },
		{
			name: "103 and 100 of an upstream",
			send: { method: "POST", body: "abc" },
			answers: { echo: [{ informational: [{ status: 100 }, { status: 103, headers: { link: "</a>" } }] }] },
		},
		{ name: "102", send: {}, answers: { echo: [{ informational: [{ status: 102, headers: { "x-a": "1" } }] }] } },
		{
			name: "101 that nobody asked for",
			differs: "strict-http1",
			send: {},
			answers: { echo: [{ raw: "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n" }] },
		},
		raw("expect: 100-continue", "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc"),
		{
			name: "expect: 100-continue, waiting",
			send: [
				"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n",
				{ await: "informational" },
				"abc",
			],
		},
		raw("expect: something else", "POST / HTTP/1.1\r\nhost: a\r\nexpect: 200-ok\r\ncontent-length: 3\r\n\r\nabc"),
		raw("expect without body", "GET / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\r\n"),
		raw(
			"expect and a reply of the proxy",
			"POST /says HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n",
		),
		raw("HTTP/1.0", "GET / HTTP/1.0\r\nhost: a\r\n\r\n"),
		raw("HTTP/1.0 without host", "GET / HTTP/1.0\r\n\r\n"),
		raw("HTTP/0.9", "GET /\r\n\r\n"),
		raw("HTTP/2.0", "GET / HTTP/2.0\r\nhost: a\r\n\r\n"),
		raw("HTTP/1.2", "GET / HTTP/1.2\r\nhost: a\r\n\r\n"),
		raw("no host", "GET / HTTP/1.1\r\n\r\n"),
		raw("two hosts", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", { differs: "strict-http1" }),
		raw("a bad host", "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n"),
		raw("a host with user", "GET / HTTP/1.1\r\nhost: me@a\r\n\r\n", { differs: "strict-http1" }),
		raw("an absolute target", "GET http://other.example:81/a?b HTTP/1.1\r\nhost: test.local\r\n\r\n"),
		raw("an absolute https target", "GET https://other.example/a HTTP/1.1\r\nhost: test.local\r\n\r\n"),
		raw("an absolute target without path", "GET http://other.example HTTP/1.1\r\nhost: test.local\r\n\r\n"),
		raw("a target of another scheme", "GET ftp://other.example/a HTTP/1.1\r\nhost: test.local\r\n\r\n"),
		raw("OPTIONS *", "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("GET *", "GET * HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("a target without slash", "GET abc HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("an unknown method", "HELLO / HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("a method in lower case", "get / HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("PRI", "PRI * HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("a fragment", "GET /a#b HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("a target beyond ASCII", "GET /\xe4 HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("two blanks in the line", "GET  / HTTP/1.1\r\nhost: a\r\n\r\n", { differs: "strict-http1" }),
		raw("a tab in the line", "GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n", { differs: "strict-http1" }),
		raw("empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("bare line feeds", "GET / HTTP/1.1\nhost: a\n\n", { differs: "strict-http1" }),
		raw("a bare CR", "GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n", { differs: "strict-http1" }),
		raw("a folded field", "GET / HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n\r\n", { differs: "strict-http1" }),
		raw("a blank before the colon", "GET / HTTP/1.1\r\nhost: a\r\nx : b\r\n\r\n"),
		raw("a field without colon", "GET / HTTP/1.1\r\nhost: a\r\nxyz\r\n\r\n"),
		raw("a field without name", "GET / HTTP/1.1\r\nhost: a\r\n: b\r\n\r\n"),
		raw("a name with a bracket", "GET / HTTP/1.1\r\nhost: a\r\nx(y): b\r\n\r\n"),
		raw("a name with an underscore", "GET / HTTP/1.1\r\nhost: a\r\nx_y: b\r\n\r\n"),
		raw("NUL in a value", "GET / HTTP/1.1\r\nhost: a\r\nx: a\x00b\r\n\r\n"),
		raw("bytes beyond ASCII in a value", "GET / HTTP/1.1\r\nhost: a\r\nx: \xc3\xa4\xff\r\n\r\n"),
		raw("a control character in a value", "GET / HTTP/1.1\r\nhost: a\r\nx: a\x01b\r\n\r\n"),
		raw("DEL in a value", "GET / HTTP/1.1\r\nhost: a\r\nx: a\x7fb\r\n\r\n"),
		raw("blanks around a value", "GET / HTTP/1.1\r\nhost: a\r\nx:  \t a b \t\r\n\r\n"),
		raw("a field many times", "GET / HTTP/1.1\r\nhost: a\r\nX-A: 1\r\nx-a: 2\r\nCookie: a=1\r\ncookie: b=2\r\n\r\n"),
		raw(
			"length and chunks",
			"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
		),
		raw("two lengths", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc"),
		raw("two equal lengths", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc"),
		raw("a list of lengths", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 3\r\n\r\nabc"),
		raw("a length with a sign", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc"),
		raw("a length in hex", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x3\r\n\r\nabc"),
		raw("an empty length", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\n"),
		raw("a huge length", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n"),
		raw("gzip, chunked", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
		raw("chunked, chunked", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
		raw("identity", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: identity\r\n\r\n"),
		raw("Chunked in capitals", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n"),
		raw(
			"chunk extensions",
			"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n",
		),
		raw(
			"a chunk size with zeros",
			"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0003\r\nabc\r\n0\r\n\r\n",
		),
		raw("a chunk size that is none", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", {
			compare: withoutUpstreams,
		}),
		raw(
			"a chunk that is too long",
			"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
			{ differs: "strict-http1" },
		),
		raw(
			"a huge chunk size",
			"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nab",
			{ compare: withoutUpstreams },
		),
		raw(
			"bare line feed after a chunk size",
			"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
		),
		raw("GET with a body", "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"),
		raw("DELETE without length", "DELETE / HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("POST without length", "POST / HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("TRACE", "TRACE / HTTP/1.1\r\nhost: a\r\n\r\n"),
		raw("a field too large", `GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(70_000)}\r\n\r\n`),
		raw("too many fields", `GET / HTTP/1.1\r\nhost: a\r\n${"x: y\r\n".repeat(110)}\r\n`),
		raw("a long target", `GET /${"y".repeat(70_000)} HTTP/1.1\r\nhost: a\r\n\r\n`),
		raw("connection names a protected field", "GET / HTTP/1.1\r\nhost: a\r\nconnection: host\r\n\r\n"),
		raw(
			"connection names x-forwarded-for",
			"GET / HTTP/1.1\r\nhost: a\r\nconnection: x-forwarded-for\r\nx-forwarded-for: 1.2.3.4\r\n\r\n",
		),
		raw("connection with many names", "GET / HTTP/1.1\r\nhost: a\r\nconnection: a,b,c,d,e,f,g,h,i,j,k,l\r\n\r\n"),
		raw("connection: close, keep-alive", "GET / HTTP/1.1\r\nhost: a\r\nconnection: close, keep-alive\r\n\r\n"),
		raw("connection: Close", "GET / HTTP/1.1\r\nhost: a\r\nconnection: Close\r\n\r\n"),
		raw("proxy-connection: close", "GET / HTTP/1.1\r\nhost: a\r\nproxy-connection: close\r\n\r\n"),
		raw("CONNECT", "CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n"),
		raw("CONNECT with a length", "CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\ncontent-length: 3\r\n\r\nabc"),
		raw("CONNECT of a path", "CONNECT /a HTTP/1.1\r\nhost: a:80\r\n\r\n"),
		raw(
			"an upgrade that is not allowed",
			"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
		),
		raw(
			"an upgrade to h2c",
			"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
		),
		raw("an upgrade without connection", "GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\n\r\n"),
		{
			name: "an early answer",
			send: ["POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc"],
			answers: { echo: [{ status: 400, early: true }] },
			counters: LONG_STATS,
		},
		{
			name: "an early answer, then the rest",
			send: ["POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc", { await: "answer" }, "def"],
			answers: { echo: [{ status: 400, early: true }] },
		},
		{
			name: "an early answer that closes",
			send: ["POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc"],
			answers: { echo: [{ status: 400, early: true, finish: "close", headers: { connection: "close" } }] },
		},
		{
			name: "half-close after a request",
			compare: clientsSide,
			send: GET,
			end: "half-close",
		},
		{
			name: "half-close in the body",
			compare: clientsSide,
			send: "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc",
			end: "half-close",
		},
		{
			name: "half-close while the upstream works",
			compare: withoutUpstreams,
			send: GET,
			end: "half-close",
			answers: { echo: [{ delayMs: 50 }] },
			settleMs: 120,
			counters: LONG_STATS,
		},
		{
			name: "hang-up while the upstream works",
			compare: clientsSide,
			send: GET,
			end: "hang-up",
			answers: { echo: [{ delayMs: 50 }] },
			settleAfterMs: 100,
		},
		{ name: "garbage after a request", send: [{}, "garbage\r\n\r\n"], expect: 2 },
		{ name: "pipelined with a bad one", send: `${GET}${GET}BAD\r\n\r\n`, expect: 3 },
		{
			name: "pipelined with bodies",
			send: "POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcPOST /2 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\nGET /3 HTTP/1.1\r\nhost: a\r\n\r\n",
			expect: 3,
		},
		{
			name: "pipelined after close",
			send: "GET /1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n",
		},
	],
});
