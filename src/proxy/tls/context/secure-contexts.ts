import { createHash, hkdfSync } from "node:crypto";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import type { CertificateMaterial } from "../secret/certificate-material.ts";
import type { ValidationMaterial } from "../verify/validation-material.ts";
import type { TlsAlgorithms } from "./tls-parameters.ts";

/** The part of Node's context options that all certificates of a context share. */
export function sharedOptions(
	algorithms: TlsAlgorithms,
	validation: ValidationMaterial | undefined,
): SecureContextOptions {
	const { minVersion, maxVersion, ciphers, ecdhCurve, sigalgs } = algorithms;
	return {
		minVersion,
		maxVersion,
		ciphers,
		ecdhCurve,
		...(sigalgs !== undefined && { sigalgs }),
		// An empty list: Node would take its own authorities for none.
		ca: validation ? [...validation.caPem] : [],
		// An authority need not be self-signed to be trusted (Envoy: X509_V_FLAG_PARTIAL_CHAIN).
		allowPartialTrustChain: true,
		...(validation?.crl && !validation.leafCrlOnly && { crl: splitLists(validation.crl) }),
	};
}

const LIST = /-----BEGIN X509 CRL-----[\s\S]*?-----END X509 CRL-----/g;

/** Node reads one revocation list of each text. */
function splitLists(pem: Buffer): string[] {
	return pem.toString("latin1").match(LIST) ?? [pem.toString("latin1")];
}

/** A context that shows these certificates, at most one of each key type. */
export function contextWith(
	options: SecureContextOptions,
	certificates: readonly CertificateMaterial[],
): SecureContext {
	return createSecureContext({
		...options,
		cert: certificates.map(({ certPem }) => certPem),
		key: certificates.map(({ keyPem }) => keyPem),
	});
}

/** Which certificates a server shows to whom. */
export interface CertificateChoice {
	/** For clients without SNI. */
	readonly unnamed: readonly CertificateMaterial[];
	/** For names that no certificate has. */
	readonly unmatched: readonly CertificateMaterial[];
	/** By exact name or `*.suffix`. */
	readonly byName: ReadonlyMap<string, readonly CertificateMaterial[]>;
}

/** Envoy's default selector: exact name, wildcard, then the first certificate (or any that fits, with `fullScan`); one of each key type. */
export function chooseCertificates(certificates: readonly CertificateMaterial[], fullScan: boolean): CertificateChoice {
	const byName = new Map<string, CertificateMaterial[]>();
	for (const certificate of certificates)
		for (const name of certificate.names) {
			const own = byName.get(name);
			if (!own) byName.set(name, [certificate]);
			else if (!own.some(({ keyKind }) => keyKind === certificate.keyKind)) own.push(certificate);
		}
	const any = firstOfEachKind(certificates);
	return { unnamed: any, unmatched: fullScan ? any : certificates.slice(0, 1), byName };
}

function firstOfEachKind(certificates: readonly CertificateMaterial[]): readonly CertificateMaterial[] {
	return certificates.filter(({ keyKind }, i) => certificates.findIndex((other) => other.keyKind === keyKind) === i);
}

/** The certificates for a server name, letter by letter as in Envoy; undefined: those for names that match nothing. */
export function certificatesFor(name: string, choice: CertificateChoice): readonly CertificateMaterial[] | undefined {
	const exact = choice.byName.get(name);
	if (exact) return exact;
	const dot = name.indexOf(".");
	return dot > 0 ? choice.byName.get(`*${name.slice(dot)}`) : undefined;
}

/** Sessions are resumed only where the same rules hold: a text that changes with them (Envoy: session id context). */
export function sessionContext(
	certificates: readonly CertificateMaterial[],
	validation: ValidationMaterial | undefined,
	rules: string,
): string {
	const hash = createHash("sha256").update(rules);
	for (const { leaf } of certificates) hash.update(leaf.fingerprint256);
	if (validation) {
		for (const authority of validation.ca ?? []) hash.update(authority.fingerprint256);
		for (const text of [...validation.spkiPins, ...validation.certHashes]) hash.update(text);
		if (validation.crl) hash.update(validation.crl);
	}
	return hash.digest("hex").slice(0, 32);
}

const TICKET_NAME_BYTES = 16;
const NODE_TICKET_KEY_BYTES = 48;

/** Node's ticket key (16 bytes of name, 16 of HMAC key, 16 of AES key) from one of Envoy's, whose name it keeps. */
export function ticketKeysFrom(key: Uint8Array): Buffer {
	const rest = hkdfSync("sha256", key, "", "lateen ticket key", NODE_TICKET_KEY_BYTES - TICKET_NAME_BYTES);
	return Buffer.concat([key.subarray(0, TICKET_NAME_BYTES), Buffer.from(rest)]);
}

/** Ticket keys of a context that was given none: made from the process's secret, the same in each worker. */
export function ticketKeysOf(secret: Uint8Array, context: string): Buffer {
	return Buffer.from(hkdfSync("sha256", secret, "", `lateen tickets ${context}`, NODE_TICKET_KEY_BYTES));
}
