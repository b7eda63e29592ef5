import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, HTTP2_UPSTREAM, listener } from "../harness/bootstrap-parts.ts";
import type { TcpConversation } from "../harness/conversation.ts";
import { type Case, scene } from "../harness/scene.ts";
import { tcpProxy } from "../harness/tcp-parts.ts";
import { dead, http1, http2 } from "../harness/upstream.ts";

const COUNTERS = [
	/^tcp\..*\.downstream_cx_(total|no_route|rx_bytes_total|tx_bytes_total)$/,
	/^cluster\..*\.upstream_(cx_total|cx_connect_fail|rq_total|rq_pending_total)$/,
];

function tunnel(name: string, cluster: string, tunneling: JsonObject, more: JsonObject = {}): JsonObject {
	return listener(name, [tcpProxy(cluster, { stat_prefix: name, tunneling_config: tunneling, ...more })]);
}

function talk(
	name: string,
	to: string,
	talk: Omit<TcpConversation, "protocol" | "to">,
	more: Partial<Case> = {},
): Case {
	return {
		name,
		connections: [{ protocol: "tcp", to, ...talk }],
		counters: COUNTERS,
		settleAfterMs: 20,
		...more,
	} as Case;
}

const ask = { send: ["hello"], expectBytes: 5 };

scene("tunnels", {
	upstreams: { one: http1(), two: http2(), dead: dead() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				tunnel("connect", "one", { hostname: "host.example:443" }),
				tunnel("fields", "one", {
					hostname: "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%:7",
					headers_to_add: [
						{ header: { key: "x-a", value: "b" } },
						{ header: { key: "x-remote", value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%" } },
					],
				}),
				tunnel("post", "one", { hostname: "host.example:443", use_post: true }),
				tunnel("post-path", "one", { hostname: "host.example:443", use_post: true, post_path: "/p?q=1" }),
				tunnel("connect2", "two", { hostname: "host.example:443" }),
				tunnel("post2", "two", { hostname: "host.example:443", use_post: true }),
				tunnel("nobody", "dead", { hostname: "host.example:443" }),
				tunnel("again", "one", { hostname: "host.example:443" }, { max_connect_attempts: 2 }),
			],
			clusters: [
				cluster("one", [at.port("one")]),
				cluster("two", [at.port("two")], HTTP2_UPSTREAM),
				cluster("dead", [at.port("dead")]),
			],
		},
	}),
	cases: [
		talk("CONNECT over HTTP/1.1", "connect", ask, { answers: { one: [{ tunnel: true }] } }),
		talk(
			"the client ends its side",
			"connect",
			{ send: ["hello"], end: "half-close", withinMs: 500 },
			{ answers: { one: [{ tunnel: true }] } },
		),
		talk("fields by format", "fields", ask, { answers: { one: [{ tunnel: true }] } }),
		talk(
			"CONNECT is refused",
			"connect",
			{ send: ["hello"], withinMs: 500 },
			{ answers: { one: [{ status: 403, body: "no" }] } },
		),
		talk(
			"CONNECT is answered with 201",
			"connect",
			{ send: ["hello"], withinMs: 500 },
			{ answers: { one: [{ status: 201, raw: "HTTP/1.1 201 Created\r\n\r\n" }] } },
		),
		talk("a second attempt after a refusal", "again", ask, { answers: { one: [{ status: 503 }, { tunnel: true }] } }),
		talk(
			"the upstream hangs up instead of answering",
			"connect",
			{ send: ["hello"], withinMs: 500 },
			{ answers: { one: [{ raw: "", finish: "close" }] } },
		),
		talk("POST over HTTP/1.1", "post", { send: ["hello"], expectBytes: 3, end: "half-close", withinMs: 500 }),
		talk("POST with a path", "post-path", { send: ["hello"], expectBytes: 3, end: "half-close", withinMs: 500 }),
		talk("an endpoint that refuses", "nobody", { withinMs: 500 }),
		talk("CONNECT over HTTP/2", "connect2", { send: ["hello"], end: "half-close", withinMs: 500 }),
		talk(
			"CONNECT over HTTP/2 is refused",
			"connect2",
			{ send: ["hello"], withinMs: 500 },
			{ answers: { two: [{ status: 403 }] } },
		),
		talk("POST over HTTP/2", "post2", { send: ["hello"], end: "half-close", withinMs: 500 }),
	],
});
