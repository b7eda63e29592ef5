import type { JsonObject } from "@bufbuild/protobuf";
import { createTestAuthority } from "../../support/certificates.ts";
import { any, cluster, hcm, to } from "../harness/bootstrap-parts.ts";
import type { ClientTls } from "../harness/conversation.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const ca = await createTestAuthority("CN=mesh-ca");
const middle = await ca.issue({ subject: "CN=middle", ca: true });
const server = await ca.issue({ subject: "CN=server", sans: ["spiffe://cluster.local/ns/a/sa/server", "server.test"] });
const client = await ca.issue({
	subject: "CN=client,OU=unit,O=Org Inc",
	sans: ["spiffe://cluster.local/ns/b/sa/client", "client.test", "other.test"],
});
const many = await ca.issue({
	subject: "CN=many,O=Org Inc",
	sans: ["spiffe://cluster.local/ns/b/sa/many", "spiffe://other.domain/x", "a.test", "b.test", "10.0.0.1", "m@a.test"],
});
const nameless = await ca.issue({ subject: "CN=plain" });
const below = await middle.issue({ subject: "CN=below", sans: ["spiffe://cluster.local/ns/c/sa/below"] });

const DETAILS: JsonObject = { subject: true, cert: true, chain: true, dns: true, uri: true };

function listener(name: string, more: JsonObject, tls = true): JsonObject {
	const tlsContext = any("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", {
		require_client_certificate: false,
		common_tls_context: {
			tls_certificates: [
				{ certificate_chain: { inline_string: server.chainPem }, private_key: { inline_string: server.keyPem } },
			],
			validation_context: { trusted_ca: { inline_string: ca.certPem } },
		},
	});
	const chain = { filters: [hcm({ routes: [to("echo")], more })] };
	return {
		name,
		address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
		filter_chains: [
			tls ? { ...chain, transport_socket: { name: "envoy.transport_sockets.tls", typed_config: tlsContext } } : chain,
		],
	};
}

/** The server is checked by its name: a client that refuses it would show the same of both proxies, and nothing. */
const none: ClientTls = { ca: ca.certPem, servername: "server.test" };
const sender = ({ chainPem, keyPem }: typeof client): ClientTls => ({ ...none, cert: chainPem, key: keyPem });
const CLAIM = { "x-forwarded-client-cert": "By=claimed;Hash=0" };

function ask(to: string, who: string, tls: ClientTls | undefined, claims: boolean): Case {
	const name = `${to}, ${who}${claims ? ", with a claim" : ""}`;
	return { name, to, send: { headers: claims ? CLAIM : {} }, ...(tls && { tls }) };
}

const MODES = ["SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"];

scene("client certificates", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				...MODES.map((mode) =>
					listener(mode, { forward_client_cert_details: mode, set_current_client_cert_details: DETAILS }),
				),
				listener("issuer", {
					forward_client_cert_details: "APPEND_FORWARD",
					set_current_client_cert_details: { subject: true, issuer: true, dns: true, uri: true },
				}),
				listener("all", {
					forward_client_cert_details: "SANITIZE_SET",
					set_current_client_cert_details: { ...DETAILS, issuer: true },
				}),
				listener("other-format", {
					forward_client_cert_details: "SANITIZE_SET",
					set_current_client_cert_details: { ...DETAILS, issuer: true, format: 1 },
				}),
				listener("json-appended", {
					forward_client_cert_details: "APPEND_FORWARD",
					set_current_client_cert_details: { subject: true, uri: true, dns: true, format: 1 },
				}),
				listener("bare", { forward_client_cert_details: "SANITIZE_SET" }),
				listener("istio", {
					forward_client_cert_details: "APPEND_FORWARD",
					set_current_client_cert_details: { subject: true, dns: true, uri: true },
				}),
				listener("plaintext", { forward_client_cert_details: "APPEND_FORWARD" }, false),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		...MODES.flatMap((mode) => [
			ask(mode, "a client with a certificate", sender(client), true),
			ask(mode, "a client without", none, true),
		]),
		ask("APPEND_FORWARD", "a client with a certificate", sender(client), false),
		ask("SANITIZE_SET", "a certificate without names", sender(nameless), false),
		ask("SANITIZE_SET", "a certificate with its chain", sender(below), false),
		ask("bare", "a client with a certificate", sender(client), true),
		ask("istio", "a client with a certificate", sender(client), false),
		ask("issuer", "a client with a certificate", sender(client), true),
		ask("all", "a certificate with its chain", sender(below), false),
		ask("all", "a client with many names", sender(many), false),
		ask("other-format", "a client with many names", sender(many), true),
		ask("other-format", "a certificate without names", sender(nameless), false),
		ask("json-appended", "a client with a certificate", sender(client), true),
		ask("json-appended", "a client with a certificate", sender(client), false),
		{
			name: "json-appended, with a claim in JSON",
			to: "json-appended",
			tls: sender(client),
			send: { headers: { "x-forwarded-client-cert": '[{"hash":"00","by":["claimed"]}]' } },
		},
		ask("istio", "a client with many names", sender(many), false),
		ask("plaintext", "a client", undefined, true),
	],
});
