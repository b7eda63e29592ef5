import type { JsonObject } from "@bufbuild/protobuf";
import { createTestAuthority } from "../../support/certificates.ts";
import { any, cluster, hcm, to } from "../harness/bootstrap-parts.ts";
import type { ClientTls } from "../harness/conversation.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1, http2 } from "../harness/upstream.ts";

const ca = await createTestAuthority("CN=test-ca");
const server = await ca.issue({ subject: "CN=server", sans: ["server.test"] });
const OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

function listener(name: string, alpn: readonly string[], more: JsonObject = {}): JsonObject {
	const context = any("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", {
		common_tls_context: {
			alpn_protocols: [...alpn],
			tls_certificates: [
				{ certificate_chain: { inline_string: server.chainPem }, private_key: { inline_string: server.keyPem } },
			],
		},
	});
	return {
		name,
		address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
		filter_chains: [
			{
				filters: [
					hcm({
						routes: [to("auto-two", "/two"), to("auto-one", "/one"), to("explicit", "/explicit"), to("as-client")],
						more,
					}),
				],
				transport_socket: { name: "envoy.transport_sockets.tls", typed_config: context },
			},
		],
	};
}

function secure(name: string, port: number, options: JsonObject): JsonObject {
	const context = any("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", {
		sni: "server.test",
		common_tls_context: { validation_context: { trusted_ca: { inline_string: ca.certPem } } },
	});
	return cluster(name, [port], {
		transport_socket: { name: "envoy.transport_sockets.tls", typed_config: context },
		typed_extension_protocol_options: { [OPTIONS]: any(OPTIONS, options) },
	});
}

const tls = (alpn: readonly string[]): ClientTls => ({ ca: ca.certPem, servername: "server.test", alpn });
const H2 = tls(["h2"]);
const COUNTERS = [/^cluster\.(auto-one|auto-two|explicit|as-client)\.upstream_cx_http\d_total$/];

const h2 = (name: string, path: string, more: Partial<Case> = {}): Case =>
	({
		name,
		to: "both",
		protocol: "http2",
		tls: H2,
		requests: [{ path, scheme: "https" }],
		counters: COUNTERS,
		...more,
	}) as Case;
const h1 = (name: string, path: string, more: Partial<Case> = {}): Case =>
	({ name, to: "both", tls: tls(["http/1.1"]), send: { path }, counters: COUNTERS, ...more }) as Case;

scene("HTTP/2 by ALPN", {
	upstreams: {
		two: http2({ tls: { cert: server.chainPem, key: server.keyPem } }),
		one: http1({ tls: { cert: server.chainPem, key: server.keyPem } }),
	},
	bootstrap: (at) => ({
		static_resources: {
			listeners: [listener("both", ["h2", "http/1.1"]), listener("none", [])],
			clusters: [
				secure("auto-two", at.port("two"), { auto_config: {} }),
				secure("auto-one", at.port("one"), { auto_config: { http2_protocol_options: {} } }),
				secure("explicit", at.port("two"), { explicit_http_config: { http2_protocol_options: {} } }),
				secure("as-client", at.port("two"), {
					use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
				}),
			],
		},
	}),
	cases: [
		h2("both sides", "/explicit"),
		h2("both sides, the endpoint chooses HTTP/2", "/two"),
		h2("the endpoint chooses HTTP/1", "/one"),
		h2("the endpoint chooses HTTP/1, again", "/one/again", { counters: [] }),
		h2("as the client", "/"),
		h1("an HTTP/1 client", "/explicit"),
		h1("an HTTP/1 client, the endpoint chooses HTTP/2", "/two"),
		h1("an HTTP/1 client, the endpoint chooses HTTP/1", "/one"),
		h1("a client without ALPN", "/explicit", { tls: tls([]) } as Partial<Case>),
		h1("HTTP/1 where none is agreed on", "/explicit", { to: "none" } as Partial<Case>),
		{
			name: "HTTP/2 by its preface where none is agreed on",
			to: "none",
			protocol: "http2",
			tls: tls([]),
			requests: [{ path: "/explicit", scheme: "https" }],
		},
	],
});
