import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, hcm, httpFilter, listener, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import type { TcpConversation } from "../harness/conversation.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { listenerFilter, networkFilter, proxyHeader, TCP_LOG_FIELDS, tcpProxy } from "../harness/tcp-parts.ts";
import { http1, tcp } from "../harness/upstream.ts";

const LOG: JsonObject = {
	...TCP_LOG_FIELDS,
	state: "%FILTER_STATE(state:PLAIN)%",
	other: "%FILTER_STATE(other:PLAIN)%",
	id: "%DYNAMIC_METADATA(envoy.filters.network.tcp_proxy)%",
};
const logged = (name: string, filters: readonly JsonObject[], more: JsonObject = {}): JsonObject =>
	listener(name, filters, { stat_prefix: name, access_log: [stdoutLog({ json_format: LOG })], ...more });
const quiet = (to: string, more: JsonObject = {}): JsonObject =>
	tcpProxy(to, { stat_prefix: to, access_log: [], ...more });

const says = (text: string): JsonObject =>
	networkFilter("direct_response", "direct_response.v3.Config", { response: { inline_string: text } });
const ECHO = networkFilter("echo", "echo.v3.Echo");
const value = (object_key: string, text: string, more: JsonObject = {}): JsonObject => ({
	object_key,
	format_string: { text_format_source: { inline_string: text } },
	...more,
});
const setState = (...on_new_connection: JsonObject[]): JsonObject =>
	networkFilter("set_filter_state", "set_filter_state.v3.Config", { on_new_connection });
const string = { factory_key: "envoy.string" };

function proxied(config: JsonObject): JsonObject {
	return {
		transport_socket: {
			name: "envoy.transport_sockets.upstream_proxy_protocol",
			typed_config: any("envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport", {
				config,
				transport_socket: {
					name: "envoy.transport_sockets.raw_buffer",
					typed_config: any("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"),
				},
			}),
		},
	};
}
const PASS_ALL = { version: "V2", pass_through_tlvs: { match_type: "INCLUDE_ALL" } };
const TLVS = { proxy_protocol_tlvs: [{ type: 0xf1, value: "aGk=" }] };
const PROXY = { listener_filters: [listenerFilter("proxy_protocol.v3.ProxyProtocol")] };
const PASSING_PROXY = {
	listener_filters: [
		listenerFilter("proxy_protocol.v3.ProxyProtocol", { pass_through_tlvs: { match_type: "INCLUDE_ALL" } }),
	],
};

/** A PROXY header, version 2, with one TLV. */
function header2(type: number, text: string): Buffer {
	const tlv = Buffer.concat([Buffer.from([type, 0, text.length]), Buffer.from(text)]);
	const body = Buffer.concat([Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 0, 80, 1, 187]), tlv]);
	const head = Buffer.from([0x21, 0x11, 0, body.length]);
	return Buffer.concat([Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1"), head, body]);
}

type Talk = Omit<TcpConversation, "protocol" | "to">;
function talk(name: string, to: string, conversation: Talk, more: object = {}): Case {
	const counters = [
		/^(tcp|cluster)\.[a-z0-9-]+\.(downstream_cx_total|idle_timeout|upstream_cx_total|upstream_rq_total)$/,
	];
	return { name, protocol: "tcp", to, ...conversation, counters, settleAfterMs: 20, ...more } as Case;
}

scene("network filters", {
	upstreams: { echo: tcp(), other: tcp(), http: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				logged("says", [says("hello from here\n")]),
				logged("silent", [networkFilter("direct_response", "direct_response.v3.Config")]),
				logged("echo", [ECHO]),
				logged("chosen", [setState(value("envoy.tcp_proxy.cluster", "other")), quiet("echo")]),
				logged("told", [
					setState(
						value(
							"state",
							"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% at %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
							string,
						),
						value("other", "%REQUESTED_SERVER_NAME%", { ...string, skip_if_empty: true }),
					),
					quiet("echo"),
				]),
				logged("short", [setState(value("envoy.tcp_proxy.per_connection_idle_timeout_ms", "120")), quiet("echo")]),
				logged("late", [quiet("echo", { upstream_connect_mode: "ON_DOWNSTREAM_DATA", max_early_data_bytes: 1024 })]),
				logged("early", [quiet("echo", { max_early_data_bytes: 1024 })]),
				logged("hidden-timeouts", [
					quiet("echo", { downstream_idle_timeout: "0.05s", upstream_idle_timeout: "0.05s" }),
				]),
				logged("tlvs", [quiet("proxied", TLVS)], PROXY),
				logged("tlvs-added", [quiet("proxied", TLVS)]),
				logged("tlvs-passed", [quiet("proxied", TLVS)], PASSING_PROXY),
				logged(
					"tlvs-replaced",
					[quiet("proxied", { ...TLVS, proxy_protocol_tlv_merge_policy: "OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD" })],
					PASSING_PROXY,
				),
				logged(
					"tlvs-appended",
					[quiet("proxied", { ...TLVS, proxy_protocol_tlv_merge_policy: "APPEND_IF_EXISTS_OR_ADD" })],
					PASSING_PROXY,
				),
				logged("tunnel-off", [
					setState(value("envoy.tcp_proxy.disable_tunneling", "true")),
					quiet("echo", { tunneling_config: { hostname: "a.test:1" } }),
				]),
				logged("http", [
					hcm({
						routes: [to("http")],
						filters: [
							httpFilter("set_filter_state", "http.set_filter_state.v3.Config", {
								on_request_headers: [
									value("state", "%REQ(x-name)%", string),
									value("other", "%REQ(x-other)%", { ...string, skip_if_empty: true }),
								],
							}),
						],
						more: { access_log: [stdoutLog({ json_format: LOG })] },
					}),
				]),
			],
			clusters: [
				cluster("echo", [at.port("echo")]),
				cluster("other", [at.port("other")]),
				cluster("http", [at.port("http")]),
				cluster("proxied", [at.port("echo")], proxied(PASS_ALL)),
			],
		},
	}),
	cases: [
		talk("a direct response", "says", { withinMs: 500 }),
		talk("a direct response to a client that speaks", "says", { send: ["hello"], withinMs: 500 }),
		talk("a direct response without a text", "silent", { withinMs: 500 }),
		talk("an echo", "echo", { send: ["hello"], expectBytes: 5 }),
		talk("an echo of much", "echo", { send: ["x".repeat(100_000)], expectBytes: 100_000 }),
		talk("a cluster by filter state", "chosen", { send: ["hello"], expectBytes: 5 }),
		talk("filter state in the log", "told", { send: ["hello"], expectBytes: 5 }),
		talk("an idle timeout by filter state", "short", { send: ["hello"], withinMs: 600 }),
		talk("the endpoint is called with the first bytes", "late", { send: [{ pauseMs: 30 }, "hello"], expectBytes: 5 }),
		talk(
			"no bytes, no endpoint",
			"late",
			{ send: [{ pauseMs: 50 }], end: "half-close", withinMs: 300 },
			{ differs: "late-endpoint" },
		),
		talk("early bytes", "early", { send: ["hello"], expectBytes: 5 }),
		talk("timeouts that Envoy hides", "hidden-timeouts", { send: [{ pauseMs: 120 }, "hello"], expectBytes: 5 }),
		talk("a TLV where the client had a header", "tlvs", {
			send: [`${proxyHeader("10.1.2.3", "10.9.8.7")}hello`],
			expectBytes: 38,
			withinMs: 300,
		}),
		talk(
			"a TLV where the client had no header",
			"tlvs-added",
			{ send: ["hello"], expectBytes: 38, withinMs: 300 },
			// Ports come before it.
			{ compare: ({ connections }: Observation) => JSON.stringify(connections).replace(/.*(?=ñ)/, "") },
		),
		talk("TLVs where the client had one", "tlvs-passed", {
			send: [header2(0xf1, "own"), "hello"],
			expectBytes: 39,
			withinMs: 300,
		}),
		talk("TLVs that replace the client's", "tlvs-replaced", {
			send: [header2(0xf1, "own"), "hello"],
			expectBytes: 38,
			withinMs: 300,
		}),
		talk("TLVs besides the client's", "tlvs-appended", {
			send: [header2(0xf1, "own"), "hello"],
			expectBytes: 44,
			withinMs: 300,
		}),
		talk("no tunnel by filter state", "tunnel-off", { send: ["hello"], expectBytes: 5 }),
		get("filter state of a request", "/", { "x-name": "me" }, { to: "http" }),
		get("filter state that is empty", "/", {}, { to: "http" }),
	],
});
