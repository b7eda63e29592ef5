import { any, cluster, httpFilter, httpListener, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const NAME = "envoy.filters.http.buffer";
const own = (config: object) => ({
	typed_per_filter_config: { [NAME]: any("http.buffer.v3.BufferPerRoute", config as never) },
});
const post = (path: string, body: string, chunked = false) => ({ method: "POST", path, body, chunked });

scene("buffer", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					filters: [httpFilter("buffer", "http.buffer.v3.Buffer", { max_request_bytes: 10 })],
					routes: [
						to("echo", "/off", {}, own({ disabled: true })),
						to("echo", "/more", {}, own({ buffer: { max_request_bytes: 20 } })),
						to("echo"),
					],
					more: { http_protocol_options: { enable_trailers: true } },
				}),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		get("no body", "/"),
		{ name: "a body with a length", send: post("/", "hello") },
		{ name: "a body in chunks gets its length", send: post("/", "hello", true) },
		{ name: "an empty body in chunks", send: post("/", "", true) },
		{ name: "as much as may be", send: post("/", "0123456789") },
		{ name: "too much", send: post("/", "01234567890") },
		{ name: "too much in chunks", send: post("/", "01234567890", true) },
		{ name: "more where the route says so", send: post("/more", "01234567890", true) },
		{ name: "not buffered where the route says so", send: post("/off", "01234567890", true) },
		{ name: "trailers", send: { ...post("/", "hello"), trailers: { "x-t": "1" } } },
		{
			name: "chunk by chunk",
			send: [
				"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
				{ pauseMs: 20 },
				"2\r\nde\r\n0\r\n\r\n",
			],
		},
	],
});
