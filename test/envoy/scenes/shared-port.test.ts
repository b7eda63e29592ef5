import type { JsonObject } from "@bufbuild/protobuf";
import { createTestAuthority, type TestCertificate } from "../../support/certificates.ts";
import { any, cluster, HTTP2_UPSTREAM, hcm, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import type { ClientTls, TcpConversation } from "../harness/conversation.ts";
import { type Case, scene } from "../harness/scene.ts";
import { listenerFilter, TCP_LOG_FIELDS, tcpProxy } from "../harness/tcp-parts.ts";
import { http1, http2, tcp } from "../harness/upstream.ts";

const ca = await createTestAuthority();
const server = await ca.issue({ sans: ["a.test", "b.test", "spiffe://cluster.local/ns/default/sa/server"] });
const client = await ca.issue({ subject: "CN=client", sans: ["spiffe://cluster.local/ns/default/sa/client"] });
const upstream = await ca.issue({ sans: ["c.test"] });

const inline = (text: string): JsonObject => ({ inline_string: text });
const certificate = ({ chainPem, keyPem }: TestCertificate): JsonObject => ({
	certificate_chain: inline(chainPem),
	private_key: inline(keyPem),
});

function tls(more: JsonObject = {}, common: JsonObject = {}): JsonObject {
	return {
		name: "envoy.transport_sockets.tls",
		typed_config: any("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", {
			common_tls_context: { tls_certificates: [certificate(server)], ...common },
			...more,
		}),
	};
}

const MUTUAL = tls(
	{ require_client_certificate: true },
	{
		alpn_protocols: ["istio-peer-exchange", "h2", "http/1.1"],
		validation_context: { trusted_ca: inline(ca.certPem) },
	},
);
const LOG = { ...TCP_LOG_FIELDS, peer: "%DOWNSTREAM_PEER_URI_SAN%", version: "%DOWNSTREAM_TLS_VERSION%" };

function chain(name: string, match: JsonObject, filter: JsonObject, more: JsonObject = {}): JsonObject {
	return { name, filter_chain_match: match, filters: [filter], ...more };
}

const bytes = (name: string, to = "echo") =>
	tcpProxy(to, { stat_prefix: name, access_log: [stdoutLog({ json_format: LOG })] });
const http = (name: string) => hcm({ routes: [to("app")], more: { stat_prefix: name } });

const INSPECT = [listenerFilter("tls_inspector.v3.TlsInspector"), listenerFilter("http_inspector.v3.HttpInspector")];

function listener(name: string, filters: readonly JsonObject[], chains: readonly JsonObject[], more: JsonObject = {}) {
	return {
		name,
		stat_prefix: name,
		address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
		listener_filters: [...filters],
		listener_filters_timeout: "0.2s",
		filter_chains: [...chains],
		...more,
	};
}

/** HTTP ALPNs and the others that proxies of a mesh offer each other. */
const MESH_HTTP = ["istio-http/1.0", "istio-http/1.1", "istio-h2"];
const MESH_TCP = ["istio-peer-exchange", "istio"];

type Talk = Omit<TcpConversation, "protocol" | "to">;
const secure = (servername: string, alpn: readonly string[] = [], more: Partial<ClientTls> = {}): Partial<Talk> => ({
	tls: { servername, ca: ca.certPem, ...(alpn.length > 0 && { alpn }), ...more },
});
const member = { cert: client.certPem, key: client.keyPem };

const COUNTERS = [
	/^listener\.[a-z]+\.(downstream_cx_(total|transport_socket_connect_timeout)|no_filter_chain_match|ssl\.(handshake|connection_error|fail_verify_no_cert))$/,
	/^tls_inspector\.(?!bytes)/,
	/^http_inspector\./,
];

function talk(name: string, to: string, more: Partial<Talk> = {}, frame: Partial<Case> = {}): Case {
	const one = { protocol: "tcp", to, send: ["hello"], expectBytes: 5, withinMs: 800, settleMs: 5, ...more } as const;
	return { name, connections: [one], counters: COUNTERS, settleAfterMs: 20, unordered: true, ...frame } as Case;
}

function request(name: string, to: string, tls?: ClientTls): Case {
	return { name, to, send: { path: "/x" }, counters: COUNTERS, unordered: true, ...(tls && { tls }) };
}

scene("one port for all", {
	upstreams: {
		echo: tcp(),
		app: http1(),
		app2: http2(),
		secured: tcp({ tls: { cert: upstream.chainPem, key: upstream.keyPem } }),
	},
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("gateway", INSPECT, [
					chain("a", { server_names: ["a.test"] }, http("a"), {
						transport_socket: tls({}, { alpn_protocols: ["h2", "http/1.1"] }),
					}),
					chain("b", { server_names: ["b.test"] }, bytes("b"), { transport_socket: tls() }),
					chain("pass", { server_names: ["*.test"], transport_protocol: "tls" }, bytes("pass", "secured")),
					chain(
						"plain",
						{ transport_protocol: "raw_buffer", application_protocols: ["http/1.1", "h2c"] },
						http("plain"),
					),
					chain("bytes", { transport_protocol: "raw_buffer" }, bytes("bytes")),
				]),
				// As a mesh's inbound listener in permissive mode, on a port whose protocol is not known.
				listener(
					"inbound",
					[listenerFilter("original_dst.v3.OriginalDst"), ...INSPECT],
					[
						chain("mtls-http", { transport_protocol: "tls", application_protocols: MESH_HTTP }, http("mtls"), {
							transport_socket: MUTUAL,
						}),
						chain(
							"http",
							{ transport_protocol: "raw_buffer", application_protocols: ["http/1.1", "h2c"] },
							http("raw"),
						),
						chain("mtls-tcp", { transport_protocol: "tls", application_protocols: MESH_TCP }, bytes("mtls"), {
							transport_socket: MUTUAL,
						}),
						chain("tcp", { transport_protocol: "raw_buffer" }, bytes("raw")),
						chain("tls", { transport_protocol: "tls" }, bytes("opaque", "secured")),
					],
					{ traffic_direction: "INBOUND", continue_on_listener_filters_timeout: true },
				),
				listener(
					"slow",
					[],
					[{ filters: [bytes("slow")], transport_socket: tls(), transport_socket_connect_timeout: "0.15s" }],
				),
			],
			clusters: [
				cluster("echo", [at.port("echo")]),
				cluster("app", [at.port("app")]),
				cluster("app2", [at.port("app2")], HTTP2_UPSTREAM),
				cluster("secured", [at.port("secured")]),
			],
		},
	}),
	cases: [
		request("HTTP behind TLS by server name", "gateway", { servername: "a.test", ca: ca.certPem }),
		request("HTTP in plaintext", "gateway"),
		talk("bytes behind TLS by server name", "gateway", secure("b.test")),
		// A handshake has more or fewer bytes as its signatures happen to be.
		talk("TLS that passes through", "gateway", secure("c.test"), {
			compare: ({ connections, upstreams, counters }) => ({ connections, upstreams, counters }),
		}),
		talk("bytes in plaintext", "gateway", { send: ["hello\n"], expectBytes: 6 }),
		{
			name: "HTTP/2 behind TLS by server name",
			to: "gateway",
			protocol: "http2",
			tls: { servername: "a.test", ca: ca.certPem, alpn: ["h2"] },
			requests: [{ path: "/" }],
			unordered: true,
		},
		{ name: "HTTP/2 by its preface", to: "gateway", protocol: "http2", requests: [{ path: "/" }], unordered: true },
		talk("a server name of nobody", "gateway", secure("x.org")),
		talk("a member of the mesh, bytes", "inbound", secure("b.test", ["istio"], member)),
		talk("a member of the mesh without certificate", "inbound", secure("b.test", ["istio"]), {
			differs: "tcp-after-handshake",
		}),
		request("a member of the mesh, HTTP", "inbound", {
			servername: "a.test",
			ca: ca.certPem,
			alpn: ["istio-http/1.1"],
			...member,
		}),
		request("HTTP of a stranger", "inbound"),
		talk("bytes of a stranger", "inbound", { send: ["hello\n"], expectBytes: 6 }),
		talk("TLS of a stranger goes on as it is", "inbound", secure("c.test", ["h9"]), {
			compare: ({ connections, upstreams, counters }) => ({ connections, upstreams, counters }),
		}),
		talk("a stranger whose server speaks first", "inbound", { send: [], expectBytes: 0, settleMs: 300 }),
		talk("a hello that never comes", "slow", { send: [], expectBytes: 1 }, { differs: "tcp-after-handshake" }),
		talk(
			"garbage instead of a hello",
			"slow",
			{ send: ["garbage garbage"], expectBytes: 20 },
			{ differs: "tcp-after-handshake" },
		),
		talk("a hello in time", "slow", secure("b.test")),
	],
});
