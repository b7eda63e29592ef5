import type { JsonObject } from "@bufbuild/protobuf";
import { createSelfSigned, createTestAuthority, type TestCertificate } from "../../support/certificates.ts";
import { any, cluster, HTTP2_UPSTREAM, httpListener, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { http1, http2, tcp, type UpstreamSpec, type UpstreamTls } from "../harness/upstream.ts";

const SERVER_ID = "spiffe://cluster.local/ns/default/sa/server";
const past = { notBefore: new Date(Date.now() - 1e9), notAfter: new Date(Date.now() - 1e6) };

const ca = await createTestAuthority();
const otherCa = await createTestAuthority("CN=other-ca");
const middle = await ca.issue({ subject: "CN=middle", ca: true });
const server = await ca.issue({ sans: ["server.test", "127.0.0.1", SERVER_ID, "admin@server.test"] });
const wildcard = await ca.issue({ sans: ["*.wild.test"] });
const rsa = await ca.issue({ sans: ["server.test"], keyType: "rsa" });
const deepChain = await (await middle.issue({ subject: "CN=deeper", ca: true })).issue({ sans: ["server.test"] });
const chained = await middle.issue({ sans: ["server.test"] });
const expired = await ca.issue({ sans: ["server.test"], ...past });
const selfSigned = await createSelfSigned({ sans: ["server.test"] });
const client = await ca.issue({
	subject: "CN=client,OU=unit,O=org",
	sans: ["spiffe://cluster.local/ns/default/sa/client"],
});
const revoked = await ca.issue({ sans: ["server.test"] });
const revocations = await ca.revoke(revoked);

const shows = (one: TestCertificate, more: Partial<UpstreamTls> = {}): UpstreamSpec =>
	http1({ tls: { cert: one.chainPem, key: one.keyPem, ...more } });

const UPSTREAMS: Readonly<Record<string, UpstreamSpec>> = {
	good: shows(server),
	wild: shows(wildcard),
	rsa: shows(rsa),
	chained: shows(chained),
	deep: shows(deepChain),
	expired: shows(expired),
	self: shows(selfSigned),
	revoked: shows(revoked),
	mtls: shows(server, { clientCa: ca.certPem }),
	old: shows(server, { maxVersion: "TLSv1.2" }),
	new: shows(server, { minVersion: "TLSv1.3" }),
	picky: shows(server, { alpn: ["special"] }),
	h2: http2({ tls: { cert: server.chainPem, key: server.keyPem } }),
	plain: http1(),
	silent: tcp({ answer: { raw: "", finish: "close" } }),
};

const inline = (text: string): JsonObject => ({ inline_string: text });
const trust = (more: JsonObject = {}, from: TestCertificate = ca): JsonObject => ({
	validation_context: { trusted_ca: inline(from.certPem), ...more },
});
const san = (san_type: string, matcher: JsonObject): JsonObject => ({
	match_typed_subject_alt_names: [{ san_type, matcher }],
});
const identity = (one: TestCertificate): JsonObject => ({
	tls_certificates: [{ certificate_chain: inline(one.chainPem), private_key: inline(one.keyPem) }],
});
const versions = (low: string, high: string): JsonObject => ({
	tls_params: { tls_minimum_protocol_version: low, tls_maximum_protocol_version: high },
});

interface Peer {
	readonly upstream: string;
	readonly common: JsonObject;
	readonly context?: JsonObject;
	readonly more?: JsonObject;
}

const PEERS: Readonly<Record<string, Peer>> = {
	simple: { upstream: "good", common: trust() },
	unverified: { upstream: "self", common: {} },
	"wrong-authority": { upstream: "good", common: trust({}, otherCa) },
	"self-signed": { upstream: "self", common: trust() },
	intermediate: { upstream: "chained", common: trust() },
	"trusted-intermediate": { upstream: "chained", common: trust({}, middle) },
	"depth-1": { upstream: "chained", common: trust({ max_verify_depth: 1 }) },
	"deep-1": { upstream: "deep", common: trust({ max_verify_depth: 1 }) },
	"deep-2": { upstream: "deep", common: trust({ max_verify_depth: 2 }) },
	"depth-0": { upstream: "chained", common: trust({ max_verify_depth: 0 }) },
	expired: { upstream: "expired", common: trust() },
	"expired-allowed": { upstream: "expired", common: trust({ allow_expired_certificate: true }) },
	untrusted: { upstream: "self", common: trust({ trust_chain_verification: "ACCEPT_UNTRUSTED" }) },
	revoked: { upstream: "revoked", common: trust({ crl: inline(revocations) }) },
	"revoked-leaf": { upstream: "revoked", common: trust({ crl: inline(revocations), only_verify_leaf_cert_crl: true }) },
	"not-revoked": { upstream: "good", common: trust({ crl: inline(revocations) }) },
	"uri-san": { upstream: "good", common: trust(san("URI", { exact: SERVER_ID })) },
	"uri-prefix": { upstream: "good", common: trust(san("URI", { prefix: "spiffe://cluster.local/" })) },
	"uri-other": { upstream: "good", common: trust(san("URI", { exact: "spiffe://cluster.local/ns/x/sa/y" })) },
	"dns-san": { upstream: "good", common: trust(san("DNS", { exact: "server.test" })) },
	"dns-wildcard": { upstream: "wild", common: trust(san("DNS", { exact: "a.wild.test" })) },
	"dns-wildcard-deep": { upstream: "wild", common: trust(san("DNS", { exact: "a.b.wild.test" })) },
	"dns-suffix": { upstream: "good", common: trust(san("DNS", { suffix: ".test" })) },
	"dns-regex": { upstream: "good", common: trust(san("DNS", { safe_regex: { regex: "serv.*\\.test" } })) },
	"ip-san": { upstream: "good", common: trust(san("IP_ADDRESS", { exact: "127.0.0.1" })) },
	"email-san": { upstream: "good", common: trust(san("EMAIL", { exact: "admin@server.test" })) },
	"wrong-kind": { upstream: "good", common: trust(san("EMAIL", { exact: "server.test" })) },
	hash: { upstream: "good", common: trust({ verify_certificate_hash: ["00".repeat(32)] }) },
	spki: { upstream: "good", common: trust({ verify_certificate_spki: [Buffer.alloc(32).toString("base64")] }) },
	mutual: { upstream: "mtls", common: { ...trust(), ...identity(client) } },
	"no-certificate": { upstream: "mtls", common: trust() },
	"certificate-not-asked": { upstream: "good", common: { ...trust(), ...identity(client) } },
	"old-server": { upstream: "old", common: trust() },
	"new-server-by-default": { upstream: "new", common: trust() },
	"new-server": { upstream: "new", common: { ...trust(), ...versions("TLSv1_2", "TLSv1_3") } },
	"too-old-server": { upstream: "old", common: { ...trust(), ...versions("TLSv1_3", "TLSv1_3") } },
	"one-cipher": {
		upstream: "rsa",
		common: { ...trust(), tls_params: { cipher_suites: ["ECDHE-RSA-AES256-GCM-SHA384"] } },
	},
	"cipher-group": {
		upstream: "good",
		common: {
			...trust(),
			tls_params: { cipher_suites: ["[ECDHE-ECDSA-AES256-GCM-SHA384|ECDHE-ECDSA-CHACHA20-POLY1305]"] },
		},
	},
	"no-common-cipher": {
		upstream: "good",
		common: { ...trust(), tls_params: { cipher_suites: ["ECDHE-RSA-AES128-GCM-SHA256"] } },
	},
	curve: { upstream: "good", common: { ...trust(), tls_params: { ecdh_curves: ["P-256"] } } },
	alpn: { upstream: "good", common: { ...trust(), alpn_protocols: ["istio", "http/1.1"] } },
	"no-common-alpn": { upstream: "picky", common: { ...trust(), alpn_protocols: ["http/1.1"] } },
	"no-sni": { upstream: "good", common: trust(), context: { sni: "" } },
	h2: { upstream: "h2", common: trust(), more: HTTP2_UPSTREAM },
	plaintext: { upstream: "plain", common: trust() },
	silent: { upstream: "silent", common: trust() },
	"auto-sni": {
		upstream: "good",
		common: trust(),
		context: { sni: "" },
		more: httpOptions({ auto_sni: true, auto_san_validation: true }),
	},
	"auto-sni-mismatch": {
		upstream: "wild",
		common: trust(),
		context: { sni: "" },
		more: httpOptions({ auto_sni: true, auto_san_validation: true }),
	},
};

function httpOptions(names: JsonObject): JsonObject {
	const type = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
	const options = { explicit_http_config: { http_protocol_options: {} }, upstream_http_protocol_options: names };
	return { typed_extension_protocol_options: { [type]: any(type, options) } };
}

const log: JsonObject = {
	code: "%RESPONSE_CODE%",
	details: "%RESPONSE_CODE_DETAILS%",
	flags: "%RESPONSE_FLAGS%",
	transport: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
	version: "%UPSTREAM_TLS_VERSION%",
	cipher: "%UPSTREAM_TLS_CIPHER%",
	subject: "%UPSTREAM_PEER_SUBJECT%",
	issuer: "%UPSTREAM_PEER_ISSUER%",
	uri: "%UPSTREAM_PEER_URI_SAN%",
	dns: "%UPSTREAM_PEER_DNS_SAN%",
	ip: "%UPSTREAM_PEER_IP_SAN%",
	from: "%UPSTREAM_PEER_CERT_V_START%",
	until: "%UPSTREAM_PEER_CERT_V_END%",
	own: "%UPSTREAM_LOCAL_URI_SAN%",
};

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

const DIFFERENCES: Readonly<Record<string, string>> = {
	"deep-1": "verify-depth",
	"depth-0": "verify-depth",
	"no-common-cipher": "tls-error-words",
};

const cases = Object.keys(PEERS).map((name): Case => {
	const counters = COUNTERS.map((counter) => `cluster.${name}.ssl.${counter}`);
	// What a plain TCP upstream gets is a ClientHello, which is never the same twice.
	const compare = (seen: Observation) => (name === "silent" ? { ...seen, upstreams: {} } : seen);
	const differs = DIFFERENCES[name];
	return get(name, `/${name}/`, { Host: "server.test" }, { counters, compare, ...(differs && { differs }) });
});

scene("tls-upstream", {
	upstreams: UPSTREAMS,
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					routes: Object.keys(PEERS).map((name) => to(name, `/${name}/`)),
					more: { access_log: [stdoutLog({ json_format: log })] },
				}),
			],
			clusters: Object.entries(PEERS).map(([name, { upstream, common, context, more }]) =>
				cluster(name, [at.port(upstream)], {
					transport_socket: {
						name: "envoy.transport_sockets.tls",
						typed_config: any("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", {
							sni: "server.test",
							common_tls_context: common,
							...context,
						}),
					},
					...more,
				}),
			),
		},
	}),
	cases,
});
