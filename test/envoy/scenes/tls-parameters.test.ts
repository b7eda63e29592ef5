import type { JsonObject } from "@bufbuild/protobuf";
import { createTestAuthority, type TestCertificate } from "../../support/certificates.ts";
import { any, cluster, hcm, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import type { ClientTls } from "../harness/conversation.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { TCP_LOG_FIELDS } from "../harness/tcp-parts.ts";
import { http1 } from "../harness/upstream.ts";

const ca = await createTestAuthority();
const server = await ca.issue({ sans: ["server.test"] });
const rsa = await ca.issue({ sans: ["rsa.test"], keyType: "rsa" });
const rsaToo = await ca.issue({ sans: ["server.test"], keyType: "rsa" });
const named = await ca.issue({ subject: "CN=common.test" });

const inline = (text: string): JsonObject => ({ inline_string: text });
const identity = (...from: TestCertificate[]): JsonObject => ({
	tls_certificates: from.map((one) => ({ certificate_chain: inline(one.chainPem), private_key: inline(one.keyPem) })),
});
const params = (tls_params: JsonObject, from = server): JsonObject => ({
	common_tls_context: { ...identity(from), tls_params },
});
const versions = (low: string, high: string): JsonObject => ({
	tls_minimum_protocol_version: low,
	tls_maximum_protocol_version: high,
});
const V12 = versions("TLSv1_2", "TLSv1_2");

/** DownstreamTlsContext by listener. */
const CONTEXTS: Readonly<Record<string, JsonObject>> = {
	plain: params({}),
	old: params(versions("TLSv1_0", "TLSv1_1")),
	"old-and-new": params(versions("TLSv1_0", "TLSv1_3")),
	groups: params({
		...V12,
		cipher_suites: ["[ECDHE-ECDSA-AES256-GCM-SHA384|ECDHE-ECDSA-AES128-GCM-SHA256]", "ECDHE-ECDSA-CHACHA20-POLY1305"],
	}),
	"own-order": params({
		...V12,
		cipher_suites: ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"],
	}),
	"client-order": {
		prefer_client_ciphers: true,
		...params({
			...V12,
			cipher_suites: ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"],
		}),
	},
	"rsa-ciphers": params({ ...V12, cipher_suites: ["AES128-GCM-SHA256", "AES256-SHA"] }, rsa),
	"cbc-ciphers": params({ ...V12, cipher_suites: ["ECDHE-ECDSA-AES128-SHA"] }),
	curves: params({ ecdh_curves: ["P-384", "P-256"] }),
	"one-curve": params({ ecdh_curves: ["X25519"] }),
	signatures: params({ signature_algorithms: ["rsa_pss_rsae_sha256", "rsa_pkcs1_sha256"] }, rsa),
	"signatures-256": params({ signature_algorithms: ["ecdsa_secp256r1_sha256"] }),
	fips: params({ compliance_policies: ["FIPS_202205"] }),
	sni: { require_sni: true, common_tls_context: identity(server) },
	two: { common_tls_context: identity(server, rsaToo) },
	"by-name": { common_tls_context: identity(server, rsa, named) },
	"no-resumption": { disable_stateful_session_resumption: true, common_tls_context: identity(server) },
	"session-timeout": { session_timeout: "3s", common_tls_context: identity(server) },
	"long-alpn": { common_tls_context: { ...identity(server), alpn_protocols: ["a,b", "http/1.1"] } },
};

const fields: JsonObject = {
	...TCP_LOG_FIELDS,
	sent: "",
	reason: "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
};
/** Of connections that came into being: of the others Envoy tells what it was about to show. */
const httpFields: JsonObject = {
	version: "%DOWNSTREAM_TLS_VERSION%",
	cipher: "%DOWNSTREAM_TLS_CIPHER%",
	local: "%DOWNSTREAM_LOCAL_SUBJECT%",
};

function listener(name: string, context: JsonObject): JsonObject {
	const config = any("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", context);
	return {
		name,
		address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
		stat_prefix: name,
		access_log: [stdoutLog({ json_format: fields })],
		filter_chains: [
			{
				transport_socket: { name: "envoy.transport_sockets.tls", typed_config: config },
				filters: [hcm({ routes: [to("echo")], more: { access_log: [stdoutLog({ json_format: httpFields })] } })],
			},
		],
	};
}

const TLS12: ClientTls = { maxVersion: "TLSv1.2" };
const TLS13: ClientTls = { minVersion: "TLSv1.3" };
const old = (version: "TLSv1" | "TLSv1.1"): ClientTls => ({
	minVersion: version,
	maxVersion: version,
	ciphers: "ALL:@SECLEVEL=0",
});

/** Clients by name of the listener. */
const VISITS: Readonly<Record<string, Readonly<Record<string, ClientTls>>>> = {
	plain: { "TLS 1.0": old("TLSv1"), "TLS 1.1": old("TLSv1.1"), "TLS 1.2": TLS12, "TLS 1.3": TLS13 },
	old: { "TLS 1.0": old("TLSv1"), "TLS 1.1": old("TLSv1.1"), "TLS 1.2": TLS12 },
	"old-and-new": { "TLS 1.0": old("TLSv1"), "TLS 1.2": TLS12, "TLS 1.3": TLS13 },
	groups: {
		"128 first": { ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384" },
		"256 first": { ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256" },
		chacha: { ciphers: "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256" },
	},
	"own-order": { "128 first": { ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384" } },
	"client-order": { "128 first": { ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384" } },
	"rsa-ciphers": {
		gcm: { ciphers: "AES128-GCM-SHA256" },
		cbc: { ciphers: "AES256-SHA" },
		none: { ciphers: "ECDHE-RSA-AES128-GCM-SHA256" },
	},
	"cbc-ciphers": { cbc: { ciphers: "ECDHE-ECDSA-AES128-SHA" } },
	curves: { "P-256": { ecdhCurve: "P-256" }, X25519: { ecdhCurve: "X25519" }, both: { ecdhCurve: "P-256:P-384" } },
	"one-curve": { "P-256": { ecdhCurve: "P-256" }, X25519: { ecdhCurve: "X25519" } },
	signatures: {
		pss: { sigalgs: "rsa_pss_rsae_sha256" },
		pkcs1: { sigalgs: "RSA+SHA256", ...TLS12 },
		none: { sigalgs: "rsa_pss_rsae_sha512" },
	},
	"signatures-256": { any: {}, none: { sigalgs: "ecdsa_secp384r1_sha384" } },
	fips: {
		any: {},
		"TLS 1.2": TLS12,
		X25519: { ecdhCurve: "X25519" },
		chacha: { ciphers: "TLS_CHACHA20_POLY1305_SHA256" },
	},
	sni: { none: {}, other: { servername: "other.test" }, same: { servername: "server.test" } },
	two: {
		ecdsa: { ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256", ...TLS12, servername: "server.test" },
		rsa: { ciphers: "ECDHE-RSA-AES128-GCM-SHA256", ...TLS12, servername: "server.test" },
		both: { ciphers: "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", ...TLS12, servername: "server.test" },
		"rsa 1.3": { sigalgs: "rsa_pss_rsae_sha256", servername: "server.test" },
		"rsa without SNI": { ciphers: "ECDHE-RSA-AES128-GCM-SHA256", ...TLS12 },
	},
	"by-name": {
		"common name": { servername: "common.test" },
		"rsa.test": { servername: "rsa.test" },
		"RSA.TEST": { servername: "RSA.TEST" },
		"below server.test": { servername: "a.server.test" },
	},
	"no-resumption": { any: TLS12 },
	"session-timeout": { any: TLS12 },
	"long-alpn": { any: { alpn: ["a,b"] } },
};

const DIFFERENCES: Readonly<Record<string, string>> = {
	"groups, 128 first": "cipher-groups",
	"fips, chacha": "tls-error-words",
};

const cases = Object.entries(VISITS).flatMap(([name, clients]) =>
	Object.entries(clients).map(([client, tls]): Case => {
		const counters = [new RegExp(`^listener\\.${name}\\.ssl\\.(?!sigalgs|curves).*`)];
		const compare = ({ log, counters: grown }: Observation) => ({ log, counters: grown });
		const differs = DIFFERENCES[`${name}, ${client}`];
		const more = { to: name, tls, counters, compare, settleMs: 30, unordered: true, ...(differs && { differs }) };
		return get(`${name}, ${client}`, "/", {}, more);
	}),
);

scene("tls-parameters", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: Object.entries(CONTEXTS).map(([name, context]) => listener(name, context)),
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases,
});
