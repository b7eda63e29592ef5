import type { JsonObject } from "@bufbuild/protobuf";
import { createSelfSigned, createTestAuthority, type TestCertificate } from "../../support/certificates.ts";
import { any, cluster, hcm, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import type { ClientTls } from "../harness/conversation.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { listenerFilter, TCP_LOG_FIELDS } from "../harness/tcp-parts.ts";
import { http1 } from "../harness/upstream.ts";

const CLIENT_ID = "spiffe://cluster.local/ns/default/sa/client";
const past = { notBefore: new Date(Date.now() - 1e9), notAfter: new Date(Date.now() - 1e6) };

const ca = await createTestAuthority();
const middle = await ca.issue({ subject: "CN=middle", ca: true });
const server = await ca.issue({ sans: ["server.test", "spiffe://cluster.local/ns/default/sa/server"] });
const rsa = await ca.issue({ sans: ["server.test"], keyType: "rsa" });
const second = await ca.issue({ sans: ["second.test", "*.wild.test"] });
const client = await ca.issue({
	subject: "CN=client,OU=unit,O=org",
	sans: [CLIENT_ID, "client.test", "c@test.org", "10.1.2.3"],
});
const chained = await middle.issue({ sans: [CLIENT_ID] });
const nobody = await ca.issue({ sans: ["spiffe://other.domain/ns/x/sa/y"] });
const expired = await ca.issue({ sans: [CLIENT_ID], ...past });
const foreign = await createSelfSigned({ sans: [CLIENT_ID] });
const revoked = await ca.issue({ sans: [CLIENT_ID] });
const revocations = await ca.revoke(revoked);

const inline = (text: string): JsonObject => ({ inline_string: text });
const identity = (...from: TestCertificate[]): JsonObject => ({
	tls_certificates: from.map((one) => ({
		certificate_chain: inline(one.chainPem),
		private_key: inline(one.keyPem),
	})),
});
const trust = (more: JsonObject = {}): JsonObject => ({
	validation_context: { trusted_ca: inline(ca.certPem), ...more },
});
const mesh = { match_typed_subject_alt_names: [{ san_type: "URI", matcher: { prefix: "spiffe://cluster.local/" } }] };
const versions = (low: string, high: string, more: JsonObject = {}): JsonObject => ({
	tls_params: { tls_minimum_protocol_version: low, tls_maximum_protocol_version: high, ...more },
});

/** DownstreamTlsContext by listener. */
const CONTEXTS: Readonly<Record<string, JsonObject>> = {
	simple: { common_tls_context: { ...identity(server), alpn_protocols: ["h2", "http/1.1"] } },
	mutual: { require_client_certificate: true, common_tls_context: { ...identity(server), ...trust(mesh) } },
	optional: { require_client_certificate: false, common_tls_context: { ...identity(server), ...trust() } },
	untrusted: {
		require_client_certificate: true,
		common_tls_context: { ...identity(server), ...trust({ trust_chain_verification: "ACCEPT_UNTRUSTED" }) },
	},
	crl: {
		require_client_certificate: true,
		common_tls_context: {
			...identity(server),
			...trust({ crl: inline(revocations), only_verify_leaf_cert_crl: true }),
		},
	},
	several: { common_tls_context: identity(server, second, rsa) },
	scan: { full_scan_certs_on_sni_mismatch: true, common_tls_context: identity(rsa, server) },
	"only-13": { common_tls_context: { ...identity(server), ...versions("TLSv1_3", "TLSv1_3") } },
	"only-12": {
		common_tls_context: {
			...identity(server),
			...versions("TLSv1_2", "TLSv1_2", { cipher_suites: ["ECDHE-ECDSA-AES256-GCM-SHA384"] }),
		},
	},
	"no-tickets": { disable_stateless_session_resumption: true, common_tls_context: identity(server) },
};

const log: JsonObject = {
	code: "%RESPONSE_CODE%",
	details: "%RESPONSE_CODE_DETAILS%",
	protocol: "%PROTOCOL%",
	version: "%DOWNSTREAM_TLS_VERSION%",
	cipher: "%DOWNSTREAM_TLS_CIPHER%",
	subject: "%DOWNSTREAM_PEER_SUBJECT%",
	issuer: "%DOWNSTREAM_PEER_ISSUER%",
	serial: "%DOWNSTREAM_PEER_SERIAL%",
	sha256: "%DOWNSTREAM_PEER_FINGERPRINT_256%",
	sha1: "%DOWNSTREAM_PEER_FINGERPRINT_1%",
	uri: "%DOWNSTREAM_PEER_URI_SAN%",
	dns: "%DOWNSTREAM_PEER_DNS_SAN%",
	ip: "%DOWNSTREAM_PEER_IP_SAN%",
	email: "%DOWNSTREAM_PEER_EMAIL_SAN%",
	pem: "%DOWNSTREAM_PEER_CERT%",
	from: "%DOWNSTREAM_PEER_CERT_V_START(%Y-%m-%d)%",
	until: "%DOWNSTREAM_PEER_CERT_V_END%",
	own: "%DOWNSTREAM_LOCAL_SUBJECT%",
	ownUri: "%DOWNSTREAM_LOCAL_URI_SAN%",
	sni: "%REQUESTED_SERVER_NAME%",
};
const connectionLog: JsonObject = {
	...TCP_LOG_FIELDS,
	// The answer tells how long the upstream took: not always in as many digits.
	sent: "",
	reason: "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
	by: "listener",
};

function listener(name: string, context: JsonObject, more: JsonObject = {}): JsonObject {
	const config = any("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", context);
	return {
		name,
		address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
		stat_prefix: name,
		access_log: [stdoutLog({ json_format: connectionLog })],
		filter_chains: [
			{
				transport_socket: { name: "envoy.transport_sockets.tls", typed_config: config },
				filters: [
					hcm({
						routes: [to("echo")],
						more: {
							access_log: [stdoutLog({ json_format: log })],
							stat_prefix: name,
						},
					}),
				],
			},
		],
		...more,
	};
}

const COUNTERS = [
	"handshake",
	"connection_error",
	"session_reused",
	"no_certificate",
	"fail_verify_no_cert",
	"fail_verify_error",
	"fail_verify_san",
	"fail_verify_cert_hash",
	"versions.TLSv1.2",
	"versions.TLSv1.3",
];

const show = (one: TestCertificate): ClientTls => ({ cert: one.chainPem, key: one.keyPem });
const TLS12: ClientTls = { maxVersion: "TLSv1.2" };

interface Visit {
	readonly to: string;
	readonly tls: ClientTls;
	readonly differs?: string;
	/** How the connection ends is not compared: Envoy sends an alert. */
	readonly refused?: boolean;
}

const VISITS: Readonly<Record<string, Visit>> = {
	"no ALPN": { to: "simple", tls: {} },
	"ALPN http/1.1": { to: "simple", tls: { alpn: ["http/1.1"] } },
	"ALPN unknown": { to: "simple", tls: { alpn: ["special"] } },
	"ALPN unknown and http/1.1": { to: "simple", tls: { alpn: ["istio", "http/1.1"] } },
	"TLS 1.2": { to: "simple", tls: TLS12 },
	"client certificate that nobody asked for": { to: "simple", tls: show(client) },
	mutual: { to: "mutual", tls: show(client) },
	"mutual, TLS 1.2": { to: "mutual", tls: { ...show(client), ...TLS12 } },
	"mutual, by an intermediate": { to: "mutual", tls: show(chained) },
	"mutual, no certificate": { to: "mutual", tls: {} },
	"mutual, no certificate, TLS 1.2": { to: "mutual", tls: TLS12 },
	"mutual, other name": { to: "mutual", tls: show(nobody), refused: true },
	"mutual, other name, TLS 1.2": { to: "mutual", tls: { ...show(nobody), ...TLS12 }, refused: true },
	"mutual, expired": { to: "mutual", tls: show(expired), refused: true },
	"mutual, expired, TLS 1.2": { to: "mutual", tls: { ...show(expired), ...TLS12 }, refused: true },
	"mutual, foreign": { to: "mutual", tls: show(foreign), refused: true },
	"mutual, foreign, with its alert": { to: "mutual", tls: show(foreign), differs: "tls-alerts" },
	"optional, none": { to: "optional", tls: {} },
	"optional, shown": { to: "optional", tls: show(client) },
	"optional, foreign": { to: "optional", tls: show(foreign), refused: true },
	"untrusted, foreign": { to: "untrusted", tls: show(foreign) },
	"untrusted, none": { to: "untrusted", tls: {}, refused: true },
	"revoked client": { to: "crl", tls: show(revoked), refused: true },
	"client not revoked": { to: "crl", tls: show(client) },
	"first certificate by name": { to: "several", tls: { servername: "server.test" } },
	"second certificate by name": { to: "several", tls: { servername: "second.test" } },
	"second certificate by wildcard": { to: "several", tls: { servername: "a.wild.test" } },
	"first certificate for other names": { to: "several", tls: { servername: "other.test" } },
	"certificate without SNI": { to: "several", tls: {} },
	"RSA by name": {
		to: "several",
		tls: { servername: "server.test", ciphers: "ECDHE-RSA-AES128-GCM-SHA256", ...TLS12 },
	},
	"full scan": { to: "scan", tls: { servername: "other.test" } },
	"too old": { to: "only-13", tls: TLS12 },
	"new enough": { to: "only-13", tls: {} },
	"one cipher": { to: "only-12", tls: {} },
	"no common cipher": { to: "only-12", tls: { ...TLS12, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" } },
	"without tickets": { to: "no-tickets", tls: {} },
	"inspected: SNI in the log": { to: "inspected", tls: { servername: "server.test", alpn: ["http/1.1"] } },
};

const cases = Object.entries(VISITS).map(([name, { to: listenerName, tls, differs, refused }]): Case => {
	const counters = COUNTERS.map((counter) => `listener.${listenerName}.ssl.${counter}`);
	const compare = (seen: Observation) => (refused ? { ...seen, connections: "refused" } : seen);
	const more = { to: listenerName, tls, counters, compare, settleMs: 30, unordered: true, ...(differs && { differs }) };
	return get(name, "/", {}, more);
});

scene("tls-downstream", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				...Object.entries(CONTEXTS).map(([name, context]) => listener(name, context)),
				listener("inspected", CONTEXTS.simple!, {
					listener_filters: [listenerFilter("tls_inspector.v3.TlsInspector")],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		...cases,
		{ name: "plaintext", to: "simple", send: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", expect: 0, settleMs: 50 },
		{
			name: "no TLS",
			differs: "tls-alerts",
			protocol: "tcp",
			to: "simple",
			send: ["\u0000\u0001hello, this is not TLS"],
		},
		{ name: "hangs up at once", protocol: "tcp", to: "simple", send: [], end: "half-close" },
	],
});
