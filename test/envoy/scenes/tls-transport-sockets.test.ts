import type { JsonObject } from "@bufbuild/protobuf";
import { createTestAuthority, type TestCertificate } from "../../support/certificates.ts";
import { any, cluster, endpoint, httpListener, listener, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { listenerFilter, proxyHeader, tcpProxy } from "../harness/tcp-parts.ts";
import { http1, tcp } from "../harness/upstream.ts";

const ca = await createTestAuthority();
const server = await ca.issue({ sans: ["server.test", "spiffe://cluster.local/ns/default/sa/server"] });
const client = await ca.issue({ sans: ["spiffe://cluster.local/ns/default/sa/client"] });

const inline = (text: string): JsonObject => ({ inline_string: text });
const identity = (one: TestCertificate): JsonObject => ({
	tls_certificates: [{ certificate_chain: inline(one.chainPem), private_key: inline(one.keyPem) }],
});

/** What Istio gives clusters of its mesh. */
const MESH_TLS: JsonObject = {
	name: "envoy.transport_sockets.tls",
	typed_config: any("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", {
		sni: "outbound_.80_._.server.default.svc.cluster.local",
		common_tls_context: {
			...identity(client),
			alpn_protocols: ["istio-peer-exchange", "istio"],
			tls_params: { tls_minimum_protocol_version: "TLSv1_2", tls_maximum_protocol_version: "TLSv1_3" },
			combined_validation_context: {
				default_validation_context: {
					match_typed_subject_alt_names: [
						{ san_type: "URI", matcher: { exact: "spiffe://cluster.local/ns/default/sa/server" } },
					],
				},
				validation_context_sds_secret_config: { name: "ROOTCA" },
			},
		},
	}),
};
const RAW: JsonObject = {
	name: "envoy.transport_sockets.raw_buffer",
	typed_config: any("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"),
};
const MATCHES: JsonObject = {
	transport_socket_matches: [
		{ name: "tlsMode-istio", match: { tlsMode: "istio" }, transport_socket: MESH_TLS },
		{ name: "tlsMode-disabled", match: {}, transport_socket: RAW },
	],
};

function proxied(config: JsonObject, inner: JsonObject = RAW): JsonObject {
	return {
		transport_socket: {
			name: "envoy.transport_sockets.upstream_proxy_protocol",
			typed_config: any("envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport", {
				config,
				transport_socket: inner,
			}),
		},
	};
}

function matched(name: string, port: number, match: JsonObject | undefined): JsonObject {
	const metadata = match && { metadata: { filter_metadata: { "envoy.transport_socket_match": match } } };
	const endpoints = [{ lb_endpoints: [endpoint(port, metadata ?? {})] }];
	return { ...cluster(name, [], MATCHES), load_assignment: { cluster_name: name, endpoints } };
}

/** A client of the TCP proxy whose own PROXY header says who it is; `back`: what comes back (the header, then the greeting). */
function tells(name: string, listenerName: string, back: number): Case {
	return {
		name,
		protocol: "tcp",
		to: listenerName,
		send: [`${proxyHeader("10.1.2.3", "10.9.8.7")}hello`],
		expectBytes: back,
	};
}

const V1 = "PROXY TCP4 10.1.2.3 10.9.8.7 1111 2222\r\nhello".length;
const V2 = 16 + 12 + "hello".length;

function tcpListener(name: string): JsonObject {
	return listener(name, [tcpProxy(name)], {
		listener_filters: [listenerFilter("proxy_protocol.v3.ProxyProtocol")],
	});
}

scene("tls-transport-sockets", {
	upstreams: {
		mesh: http1({ tls: { cert: server.chainPem, key: server.keyPem, clientCa: ca.certPem, alpn: ["istio"] } }),
		plain: http1(),
		echo: tcp({ answer: { echo: true } }),
		secret: tcp({ answer: { echo: true }, tls: { cert: server.chainPem, key: server.keyPem, alpn: ["istio"] } }),
	},
	bootstrap: (at) => ({
		static_resources: {
			secrets: [{ name: "ROOTCA", validation_context: { trusted_ca: inline(ca.certPem) } }],
			listeners: [
				httpListener({
					routes: [
						to("istio", "/istio"),
						to("disabled", "/disabled"),
						to("unlabelled", "/unlabelled"),
						to("other", "/other"),
						to("head-v1", "/v1"),
					],
				}),
				...["v1", "v2", "v2-added", "secured"].map(tcpListener),
			],
			clusters: [
				matched("istio", at.port("mesh"), { tlsMode: "istio" }),
				matched("disabled", at.port("plain"), { tlsMode: "disabled" }),
				matched("unlabelled", at.port("plain"), undefined),
				matched("other", at.port("plain"), { tlsMode: "istio" }),
				cluster("v1", [at.port("echo")], proxied({ version: "V1" })),
				cluster("v2", [at.port("echo")], proxied({ version: "V2" })),
				cluster("v2-added", [at.port("echo")], proxied({ version: "V2", added_tlvs: [{ type: 241, value: "aGk=" }] })),
				cluster("head-v1", [at.port("plain")], proxied({ version: "V1" })),
				cluster("secured", [at.port("secret")], proxied({ version: "V1" }, MESH_TLS)),
			],
		},
	}),
	cases: [
		get("an endpoint of the mesh gets mutual TLS", "/istio/a", {}, { counters: [/^cluster\.istio\.ssl\.handshake$/] }),
		get("an endpoint without a sidecar gets plaintext", "/disabled/a"),
		get("an endpoint without metadata gets what matches everything", "/unlabelled/a"),
		get("TLS to an endpoint that does not speak it", "/other/a"),
		tells("PROXY header, version 1", "v1", V1),
		tells("PROXY header, version 2", "v2", V2),
		tells("PROXY header with a TLV of our own", "v2-added", V2 + 5),
		get(
			"PROXY header before HTTP that an upstream does not take",
			"/v1/a",
			{},
			{ compare: ({ connections }) => connections },
		),
		{
			name: "PROXY header before TLS",
			// How the endpoint cuts what is no ClientHello to it (end or reset) is chance.
			compare: ({ log }) => (log as readonly JsonObject[]).map(({ flags }) => flags),
			protocol: "tcp",
			to: "secured",
			send: [`${proxyHeader("10.1.2.3", "10.9.8.7")}hello`],
		},
	],
});
