import { cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { dead, http1 } from "../harness/upstream.ts";

scene("forwarding", {
	upstreams: { echo: http1(), dead: dead() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [httpListener({ routes: [to("dead", "/dead"), to("echo")] })],
			clusters: [cluster("echo", [at.port("echo")]), cluster("dead", [at.port("dead")])],
		},
	}),
	cases: [
		get("a request and its answer", "/a?b=c", { "X-Test": "1" }),
		get("nobody listens", "/dead", {}, { counters: ["cluster.dead.upstream_cx_connect_fail"] }),
		{ name: "a body with a length", send: { method: "POST", path: "/p", body: "hello" } },
		{ name: "a body in chunks", send: { method: "POST", path: "/p", body: "hello", chunked: true } },
		{
			name: "a large body both ways",
			send: { method: "POST", path: "/p", body: { repeat: "0123456789", times: 100_000 } },
			answers: { echo: [{ body: { repeat: "abc", times: 300_000 } }] },
		},
		{ name: "two requests on one connection", send: [{ path: "/1" }, { path: "/2" }] },
		{ name: "pipelined requests", send: [{ path: "/1" }, { path: "/2" }, { path: "/3" }], pipelined: true },
		{ name: "connection: close", send: { headers: { connection: "close" } } },
		{
			name: "trailers of the answer",
			send: { headers: { te: "trailers" } },
			answers: { echo: [{ body: "x", trailers: { "x-end": "1" } }] },
		},
		{
			name: "an upstream that hangs up without a word",
			send: { path: "/" },
			answers: { echo: [{ raw: "", finish: "close" }] },
		},
		{ name: "an upstream that resets", send: { path: "/" }, answers: { echo: [{ raw: "", finish: "reset" }] } },
		{
			name: "an answer that breaks off",
			send: { path: "/" },
			answers: { echo: [{ raw: "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", finish: "close" }] },
		},
		{ name: "HEAD", send: { method: "HEAD", path: "/" } },
	],
});
