import type { SecureVersion } from "node:tls";
import { getCiphers } from "node:tls";
import type { FieldPath } from "../../../lib/field-path.ts";
import {
	TlsParameters_CompliancePolicy as CompliancePolicy,
	type TlsParameters,
	TlsParameters_TlsProtocol as TlsProtocol,
} from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import type { TlsProblems } from "../tls-problems.ts";

/** Versions and algorithms in the form that Node's `createSecureContext` takes. */
export interface TlsAlgorithms {
	readonly minVersion: SecureVersion;
	readonly maxVersion: SecureVersion;
	/** TLS 1.3 suites, then OpenSSL's names for TLS 1.2. */
	readonly ciphers: string;
	readonly ecdhCurve: string;
	readonly sigalgs: string | undefined;
}

const VERSIONS: Readonly<Partial<Record<TlsProtocol, SecureVersion>>> = {
	[TlsProtocol.TLSv1_0]: "TLSv1",
	[TlsProtocol.TLSv1_1]: "TLSv1.1",
	[TlsProtocol.TLSv1_2]: "TLSv1.2",
	[TlsProtocol.TLSv1_3]: "TLSv1.3",
};
const ORDER: readonly SecureVersion[] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/** BoringSSL does not let these be chosen either. */
const TLS13_SUITES = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
/** Envoy's default list for TLS 1.2, its groups of equal preference written out. */
const DEFAULT_SUITES = [
	"ECDHE-ECDSA-AES128-GCM-SHA256",
	"ECDHE-ECDSA-CHACHA20-POLY1305",
	"ECDHE-RSA-AES128-GCM-SHA256",
	"ECDHE-RSA-CHACHA20-POLY1305",
	"ECDHE-ECDSA-AES256-GCM-SHA384",
	"ECDHE-RSA-AES256-GCM-SHA384",
];
const DEFAULT_CURVES = { server: "X25519MLKEM768:X25519:P-256", client: "X25519:P-256" } as const;
const CURVES = new Set(["X25519MLKEM768", "X25519", "P-224", "P-256", "P-384", "P-521"]);

/** BoringSSL's ssl_compliance_policy_fips_202205: it comes after everything else and replaces it. */
const FIPS_202205: TlsAlgorithms = {
	minVersion: "TLSv1.2",
	maxVersion: "TLSv1.3",
	ciphers: [
		"TLS_AES_256_GCM_SHA384",
		"TLS_AES_128_GCM_SHA256",
		"ECDHE-ECDSA-AES128-GCM-SHA256",
		"ECDHE-RSA-AES128-GCM-SHA256",
		"ECDHE-ECDSA-AES256-GCM-SHA384",
		"ECDHE-RSA-AES256-GCM-SHA384",
	].join(":"),
	ecdhCurve: "P-256:P-384",
	sigalgs: [
		"rsa_pkcs1_sha256",
		"rsa_pkcs1_sha384",
		"rsa_pkcs1_sha512",
		"ecdsa_secp256r1_sha256",
		"ecdsa_secp384r1_sha384",
		"rsa_pss_rsae_sha256",
		"rsa_pss_rsae_sha384",
		"rsa_pss_rsae_sha512",
	].join(":"),
};

/** Reads TlsParameters; servers speak TLS 1.2 and 1.3 by default, clients TLS 1.2 only (Envoy: TLS_AUTO). */
export function parseTlsParameters(
	params: TlsParameters | undefined,
	side: "client" | "server",
	at: FieldPath,
	problems: TlsProblems,
): TlsAlgorithms {
	const max = side === "client" ? "TLSv1.2" : "TLSv1.3";
	const minVersion = VERSIONS[params?.tlsMinimumProtocolVersion ?? 0] ?? "TLSv1.2";
	const maxVersion = VERSIONS[params?.tlsMaximumProtocolVersion ?? 0] ?? max;
	if (ORDER.indexOf(minVersion) > ORDER.indexOf(maxVersion))
		problems.add("invalid", at.field("tls_minimum_protocol_version"), "the minimum is above the maximum");
	const [policy, second] = params?.compliancePolicies ?? [];
	if (second !== undefined)
		problems.add("invalid", at.field("compliance_policies"), "there can be one compliance policy", "keep one");
	const suites = parseSuites(params?.cipherSuites ?? [], at.field("cipher_suites"), problems);
	// OpenSSL does not speak TLS 1.0 and 1.1 above this level.
	const level = ORDER.indexOf(minVersion) < ORDER.indexOf("TLSv1.2") ? ":@SECLEVEL=0" : "";
	if (policy === CompliancePolicy.FIPS_202205) return FIPS_202205;
	return {
		minVersion,
		maxVersion,
		ciphers: `${TLS13_SUITES}:${suites.join(":")}${level}`,
		ecdhCurve: parseCurves(params?.ecdhCurves ?? [], at.field("ecdh_curves"), problems) ?? DEFAULT_CURVES[side],
		sigalgs: params?.signatureAlgorithms.length ? params.signatureAlgorithms.join(":") : undefined,
	};
}

let openssl: ReadonlySet<string> | undefined;

/** Names as BoringSSL takes them, `[A|B]` for suites of equal preference; the list may be one text with colons in it. */
function parseSuites(list: readonly string[], at: FieldPath, problems: TlsProblems): readonly string[] {
	if (list.length === 0) return DEFAULT_SUITES;
	openssl ??= new Set(getCiphers().map((name) => name.toUpperCase()));
	const suites: string[] = [];
	for (const [i, entry] of list.entries())
		for (const name of entry.split(/[:[\]|]/)) {
			if (name === "" || suites.includes(name)) continue;
			if (openssl.has(name.toUpperCase()) && !name.startsWith("TLS_")) suites.push(name);
			else
				problems.add("invalid", at.index(i), `the cipher suite "${name}" is unknown`, "use OpenSSL's names of TLS 1.2");
		}
	return suites;
}

function parseCurves(list: readonly string[], at: FieldPath, problems: TlsProblems): string | undefined {
	for (const [i, name] of list.entries())
		if (!CURVES.has(name)) problems.add("invalid", at.index(i), `the curve "${name}" is unknown`);
	return list.length === 0 ? undefined : list.join(":");
}
