import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, listener } from "../harness/bootstrap-parts.ts";
import type { TcpConversation } from "../harness/conversation.ts";
import { type Case, scene } from "../harness/scene.ts";
import { listenerFilter, networkFilter, tcpProxy } from "../harness/tcp-parts.ts";
import { dead, tcp } from "../harness/upstream.ts";

const COUNTERS = [
	/^tcp\..*\.(downstream_cx_(total|no_route|rx_bytes_total|tx_bytes_total)|idle_timeout|max_downstream_connection_duration)$/,
	/^cluster\..*\.upstream_cx_(total|connect_fail|connect_timeout|overflow|destroy|rx_bytes_total|tx_bytes_total|connect_attempts_exceeded|none_healthy)$/,
	/^cluster\..*\.upstream_rq_(total|pending_total|pending_failure_eject)$/,
	/^listener\.[a-z-]+\.(worker_0\.)?downstream_cx_(total|destroy)$/,
	/^(rb|connection_limit|local_rate_limit)\./,
];

type Talk = Omit<TcpConversation, "protocol" | "to">;

function talk(name: string, to: string, conversation: Talk, more: Partial<Case> = {}): Case {
	return {
		name,
		connections: [{ protocol: "tcp", to, ...conversation }],
		counters: COUNTERS,
		settleAfterMs: 20,
		...more,
	} as Case;
}

const ask = (text = "hello"): Talk => ({ send: [text], expectBytes: text.length });

function listenTo(
	name: string,
	cluster: string,
	more: JsonObject = {},
	filters: readonly JsonObject[] = [],
): JsonObject {
	return listener(name, [...filters, tcpProxy(cluster, { stat_prefix: name, ...more })], { stat_prefix: name });
}

const rbac = (value: JsonObject) => networkFilter("rbac", "rbac.v3.RBAC", { stat_prefix: "rb.", ...value });
const policy = (permission: JsonObject): JsonObject => ({ permissions: [permission], principals: [{ any: true }] });
const rules = (action: string, policies: Readonly<Record<string, JsonObject>>): JsonObject => ({ action, policies });

scene("tcp_proxy", {
	upstreams: { echo: tcp(), other: tcp(), dead: dead(), dead2: dead() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listenTo("plain", "echo"),
				listenTo("idle", "echo", { idle_timeout: "0.15s" }),
				listenTo("short", "echo", { max_downstream_connection_duration: "0.15s" }),
				listenTo("nowhere", "nope"),
				listenTo("nobody", "empty"),
				listenTo("dead", "dead"),
				listenTo("dead-twice", "dead", { max_connect_attempts: 3, backoff_options: { base_interval: "0.01s" } }),
				listenTo("dead-then-alive", "mixed", { max_connect_attempts: 4 }),
				listenTo("full", "full"),
				listenTo("weighted", "", {
					weighted_clusters: {
						clusters: [
							{ name: "echo", weight: 1 },
							{ name: "echo2", weight: 99 },
						],
					},
				}),
				listenTo("logs", "echo", {
					access_log_options: { flush_access_log_on_connected: true, flush_access_log_on_start: true },
				}),
				listenTo("sni", "fallback", {}, [networkFilter("sni_cluster", "sni_cluster.v3.SniCluster")]),
				listenTo("limit", "echo", {}, [
					networkFilter("connection_limit", "connection_limit.v3.ConnectionLimit", {
						stat_prefix: "l",
						max_connections: 1,
					}),
				]),
				listenTo("limit-late", "echo", {}, [
					networkFilter("connection_limit", "connection_limit.v3.ConnectionLimit", {
						stat_prefix: "l2",
						max_connections: 1,
						delay: "0.05s",
					}),
				]),
				listenTo("rate", "echo", {}, [
					networkFilter("local_ratelimit", "local_ratelimit.v3.LocalRateLimit", {
						stat_prefix: "r",
						token_bucket: { max_tokens: 1, fill_interval: "1000s" },
					}),
				]),
				listenTo("denied", "echo", {}, [rbac({ rules: rules("DENY", { "any one": policy({ any: true }) }) })]),
				listenTo("allowed", "echo", {}, [rbac({ rules: rules("ALLOW", { p: policy({ any: true }) }) })]),
				listenTo("not-allowed", "echo", {}, [
					rbac({ rules: rules("ALLOW", { p: policy({ destination_port: 1 }) }), enforcement_type: "CONTINUOUS" }),
				]),
				listenTo("denied-late", "echo", {}, [
					rbac({ rules: rules("DENY", { p: policy({ any: true }) }), delay_deny: "0.05s" }),
				]),
				listenTo("shadow", "echo", {}, [
					rbac({
						shadow_rules: rules("DENY", { "s 1": policy({ any: true }) }),
						shadow_rules_stat_prefix: "sh.",
					}),
				]),
				listenTo("nothing-set", "echo", {}, [rbac({})]),
			],
			clusters: [
				cluster("echo", [at.port("echo")]),
				cluster("echo2", [at.port("other")]),
				cluster("empty", []),
				cluster("dead", [at.port("dead")]),
				cluster("mixed", [at.port("dead"), at.port("echo")]),
				cluster("full", [at.port("echo")], {
					circuit_breakers: { thresholds: [{ max_connections: 0 }] },
				}),
			],
		},
	}),
	cases: [
		talk("bytes both ways", "plain", ask()),
		talk("the client ends its side", "plain", { send: ["hello"], end: "half-close", withinMs: 500 }),
		talk("the client ends without a byte", "plain", { end: "half-close", withinMs: 500 }),
		talk("the client resets", "plain", { send: ["hello", { awaitBytes: 5 }], end: "reset", withinMs: 300 }),
		talk(
			"the upstream speaks first",
			"plain",
			{ expectBytes: 7 },
			{ answers: { echo: [{ greet: "welcome", echo: true }] } },
		),
		talk(
			"the upstream ends",
			"plain",
			{ send: ["x"], withinMs: 500 },
			{ answers: { echo: [{ raw: "bye", finish: "close" }] } },
		),
		talk(
			"the upstream resets",
			"plain",
			{ send: ["x"], withinMs: 500 },
			{ answers: { echo: [{ raw: "bye", finish: "reset" }] } },
		),
		talk("much to send", "plain", { send: ["x".repeat(300_000)], expectBytes: 300_000 }),
		talk("two clients at the same time", "plain", ask(), {
			connections: [
				{ protocol: "tcp", to: "plain", ...ask("one") },
				{ protocol: "tcp", to: "plain", ...ask("two") },
			],
			parallel: true,
			unordered: true,
		} as Partial<Case>),
		talk("an idle connection ends", "idle", { send: ["x"], withinMs: 500 }),
		talk("an idle connection without a byte ends", "idle", { withinMs: 500 }),
		talk("a connection ends with its time", "short", { send: ["x"], withinMs: 500 }),
		talk("no such cluster", "nowhere", { withinMs: 300 }),
		talk("no endpoint", "nobody", { withinMs: 300 }),
		talk("an endpoint that refuses", "dead", { withinMs: 300 }),
		talk("several attempts", "dead-twice", { withinMs: 1500 }),
		talk("the second endpoint", "dead-then-alive", ask(), { counters: [], compare: ({ connections }) => connections }),
		talk("a cluster without room for connections", "full", { withinMs: 300 }),
		talk("lines at start, connection and end", "logs", ask()),
		talk("sni_cluster without a name", "sni", { withinMs: 300 }),
		talk("a second connection is too many", "limit", ask(), {
			connections: [
				{ protocol: "tcp", to: "limit", send: ["one", { pauseMs: 150 }], expectBytes: 3 },
				{ protocol: "tcp", to: "limit", send: [{ pauseMs: 60 }, "two"], withinMs: 300 },
			],
			parallel: true,
			unordered: true,
			compare: ({ counters, log }) => ({ counters, log: log.map((line) => (line as JsonObject).closed) }),
		} as Partial<Case>),
		talk("a token for one connection", "rate", ask()),
		talk("no token left", "rate", { withinMs: 300 }),
		talk("rbac denies at the first byte", "denied", { send: ["hello"], withinMs: 500 }),
		talk("rbac waits for a byte", "denied", { withinMs: 150 }),
		talk(
			"rbac does not hold the upstream's bytes",
			"denied",
			{ expectBytes: 7 },
			{ answers: { echo: [{ greet: "welcome" }] } },
		),
		talk("rbac allows", "allowed", ask()),
		talk("rbac has no policy that allows", "not-allowed", { send: ["hello"], withinMs: 500 }),
		talk("rbac denies late", "denied-late", { send: ["hello"], withinMs: 500 }),
		talk("shadow rules only tell", "shadow", ask()),
		talk("rbac without rules", "nothing-set", ask()),
	],
});

const PROXY_LOG: JsonObject = {
	remote: "%DOWNSTREAM_REMOTE_ADDRESS%",
	direct: "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
	local: "%DOWNSTREAM_LOCAL_ADDRESS%",
	metadata: "%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)%",
	named: "%DYNAMIC_METADATA(ns:k)%",
	flags: "%RESPONSE_FLAGS%",
	received: "%BYTES_RECEIVED%",
};

function behindProxy(name: string, value: JsonObject): JsonObject {
	return {
		...listenTo(name, "echo"),
		listener_filters: [listenerFilter("proxy_protocol.v3.ProxyProtocol", { stat_prefix: name, ...value })],
		listener_filters_timeout: "0.15s",
		access_log: [
			{
				name: "log",
				typed_config: {
					"@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
					log_format: { json_format: PROXY_LOG },
				},
			},
		],
	};
}

function header2(versionCommand: number, family: number, payload: Buffer): Buffer {
	const head = Buffer.from([versionCommand, family, payload.length >> 8, payload.length & 255]);
	return Buffer.concat([Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1"), head, payload]);
}

const V4 = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 0, 80, 1, 187]);
const V6 = Buffer.concat([
	Buffer.from("20010db8000000000000000000000001", "hex"),
	Buffer.from("fd000000000100000000000000000001", "hex"),
	Buffer.from([0, 80, 1, 187]),
]);
const TLVS = Buffer.from([2, 0, 3, 0x61, 0x62, 0x63, 0xea, 0, 1, 0x7a, 0xd0, 0, 2, 0xff, 0xfe]);

function proxied(name: string, to: string, sent: string | Buffer, more: Talk = {}, frame: Partial<Case> = {}): Case {
	const bytes = Buffer.concat([Buffer.from(sent), Buffer.from("hello")]);
	const counters = [
		/^proxy_proto\./,
		/^listener\.[a-z0-9]+\.(downstream_cx_total|downstream_pre_cx_timeout|downstream_listener_filter_remote_close)$/,
	];
	return talk(
		name,
		to,
		{ send: [bytes], expectBytes: 5, withinMs: 400, ...more },
		{ counters, unordered: true, ...frame },
	);
}

scene("proxy protocol", {
	upstreams: { echo: tcp() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				behindProxy("must", {
					rules: [
						{ tlv_type: 2, on_tlv_present: { key: "k" } },
						{ tlv_type: 234, on_tlv_present: { metadata_namespace: "ns", key: "k" } },
						{ tlv_type: 208, on_tlv_present: { key: "b", value_string_encoding: "BASE64" } },
					],
				}),
				behindProxy("may", { allow_requests_without_proxy_protocol: true }),
				behindProxy("only2", { disallowed_versions: ["V1"], allow_requests_without_proxy_protocol: true }),
				behindProxy("only1", { disallowed_versions: ["V2"] }),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		proxied("version 1, IPv4", "must", "PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n"),
		proxied("version 1, IPv6", "must", "PROXY TCP6 1:2:3::4 5:6::7:8 11 22\r\n"),
		proxied("version 1, unknown", "must", "PROXY UNKNOWN\r\n"),
		proxied("version 1, unknown with addresses", "must", "PROXY UNKNOWN 1.2.3.4 5.6.7.8 11 22\r\n"),
		proxied("version 1, too few words", "must", "PROXY TCP4 1.2.3.4 5.6.7.8 11\r\n"),
		proxied("version 1, a port too large", "must", "PROXY TCP4 1.2.3.4 5.6.7.8 11 65536\r\n"),
		proxied("version 1, wrong family", "must", "PROXY TCP6 1.2.3.4 5.6.7.8 11 22\r\n"),
		proxied("version 1, multicast", "must", "PROXY TCP4 224.0.0.1 5.6.7.8 11 22\r\n"),
		proxied("version 1, broadcast", "must", "PROXY TCP4 1.2.3.4 255.255.255.255 11 22\r\n"),
		proxied("version 1, double blanks", "must", "PROXY  TCP4 1.2.3.4  5.6.7.8 11 22\r\n"),
		proxied("version 1, a bare line feed", "must", "PROXY TCP4 1.2.3.4 5.6.7.8 11 22\n"),
		proxied("version 1, too long", "must", `PROXY TCP4 ${"1".repeat(120)}\r\n`),
		proxied("version 1, in pieces", "must", "", {
			send: ["PRO", { pauseMs: 10 }, "XY TCP4 1.2.3.4 5.6.7.8 11 2", { pauseMs: 10 }, "2\r\nhello"],
		}),
		proxied("version 2, IPv4", "must", header2(0x21, 0x11, V4)),
		proxied("version 2, IPv6", "must", header2(0x21, 0x21, V6)),
		proxied("version 2, datagrams", "must", header2(0x21, 0x12, V4)),
		proxied("version 2, TLVs", "must", header2(0x21, 0x11, Buffer.concat([V4, TLVS]))),
		proxied("version 2, a TLV cut short", "must", header2(0x21, 0x11, Buffer.concat([V4, TLVS.subarray(0, 5)]))),
		proxied("version 2, local", "must", header2(0x20, 0, Buffer.alloc(0))),
		proxied("version 2, local with what is ignored", "must", header2(0x20, 0x11, V4)),
		proxied("version 2, Unix sockets", "must", header2(0x21, 0x31, Buffer.alloc(216))),
		proxied("version 2, unspecified", "must", header2(0x21, 0, Buffer.alloc(0))),
		proxied("version 2, another version", "must", header2(0x31, 0x11, V4)),
		proxied("version 2, too short", "must", header2(0x21, 0x11, V4.subarray(0, 8))),
		proxied("version 2, in pieces", "must", "", {
			send: [header2(0x21, 0x11, V4).subarray(0, 14), { pauseMs: 10 }, header2(0x21, 0x11, V4).subarray(14), "hello"],
		}),
		proxied("no header", "must", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
		proxied("no header, too short to tell", "must", "", {}, { differs: "proxy-header-by-first-byte" }),
		proxied("no header where none is asked", "may", "GET / HTTP/1.1\r\nhost: a\r\n\r\n", { expectBytes: 20 }),
		proxied("no header, short, where none is asked", "may", ""),
		proxied("a header where none is asked", "may", "PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n"),
		proxied("what begins like a header", "may", "PROXIMA "),
		proxied("version 1 where it is disallowed", "only2", "PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n", { expectBytes: 20 }),
		proxied("version 2 where it is allowed", "only2", header2(0x21, 0x11, V4)),
		proxied("version 2 where it is disallowed", "only1", header2(0x21, 0x11, V4)),
		proxied("version 1 where it is allowed", "only1", "PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n"),
		proxied("the client says nothing", "must", "", { send: [], expectBytes: 1 }),
		proxied("the client leaves early", "must", "", { send: ["PROXY"], end: "half-close" }),
	],
});
