import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";

/** What a test wants in a certificate. */
export interface CertificateWish {
	/** RFC 4514 text; `CN=<first name>` when absent. */
	readonly subject?: string;
	/** DNS names, IP addresses, `scheme://...` URIs and `a@b` addresses. */
	readonly sans?: readonly string[];
	readonly notBefore?: Date;
	readonly notAfter?: Date;
	readonly keyType?: "ecdsa" | "rsa";
	/** May sign others. */
	readonly ca?: boolean;
	/** How many authorities may stand below it. */
	readonly pathLength?: number;
	/** Its key, when it is to be used again. */
	readonly keys?: webcrypto.CryptoKeyPair;
}

/** A certificate with its key; `chainPem` is the certificate and what it needs below the root. */
export interface TestCertificate {
	readonly certPem: string;
	readonly keyPem: string;
	readonly chainPem: string;
	/** Issues another one from it. */
	issue(wish: CertificateWish): Promise<TestCertificate>;
	/** A revocation list of this authority as PEM. */
	revoke(...certificates: readonly TestCertificate[]): Promise<string>;
}

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const RSA = {
	name: "RSASSA-PKCS1-v1_5",
	hash: "SHA-256",
	modulusLength: 2048,
	publicExponent: new Uint8Array([1, 0, 1]),
} as const;
const DAY_MS = 86_400_000;

interface Issuer {
	readonly name: string;
	readonly keys: webcrypto.CryptoKeyPair;
	readonly certificate: x509.X509Certificate;
	/** What stands between it and the root. */
	readonly chainPem: string;
}

/** A self-signed authority, valid from yesterday for a year; `pathLength`: how many others may stand below it. */
export function createTestAuthority(subject = "CN=test-ca", pathLength?: number): Promise<TestCertificate> {
	return issue(undefined, { subject, ca: true, ...(pathLength !== undefined && { pathLength }) });
}

/** A self-signed certificate. */
export function createSelfSigned(wish: CertificateWish): Promise<TestCertificate> {
	return issue(undefined, wish);
}

async function issue(issuer: Issuer | undefined, wish: CertificateWish): Promise<TestCertificate> {
	const algorithm = wish.keyType === "rsa" ? RSA : ECDSA;
	const keys = wish.keys ?? (await newKeys(algorithm));
	const subject = wish.subject ?? `CN=${wish.sans?.[0] ?? "test"}`;
	const certificate = await x509.X509CertificateGenerator.create({
		subject,
		issuer: issuer?.certificate.subject ?? subject,
		notBefore: wish.notBefore ?? new Date(Date.now() - DAY_MS),
		notAfter: wish.notAfter ?? new Date(Date.now() + 365 * DAY_MS),
		signingKey: (issuer?.keys ?? keys).privateKey,
		publicKey: keys.publicKey,
		signingAlgorithm: signingAlgorithmOf(issuer?.keys ?? keys),
		extensions: await extensionsOf(issuer, wish, keys),
	});
	const certPem = `${certificate.toString("pem")}\n`;
	const chainPem = issuer ? certPem + issuer.chainPem : certPem;
	const own: Issuer = { name: subject, keys, certificate, chainPem: issuer ? chainPem : "" };
	return {
		certPem,
		chainPem,
		keyPem: x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY"),
		issue: (next) => issue(own, next),
		revoke: (...revoked) => revocationList(own, revoked),
	};
}

async function extensionsOf(issuer: Issuer | undefined, wish: CertificateWish, keys: webcrypto.CryptoKeyPair) {
	const { KeyUsageFlags } = x509;
	const usage = wish.ca
		? KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign
		: KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment;
	const extensions: x509.Extension[] = [
		new x509.BasicConstraintsExtension(wish.ca === true, wish.pathLength, true),
		new x509.KeyUsagesExtension(usage, true),
		await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
	];
	if (issuer) extensions.push(await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate));
	if (wish.sans) extensions.push(new x509.SubjectAlternativeNameExtension(wish.sans.map(generalName)));
	return extensions;
}

async function revocationList(issuer: Issuer, revoked: readonly TestCertificate[]): Promise<string> {
	const list = await x509.X509CrlGenerator.create({
		issuer: issuer.certificate.subject,
		thisUpdate: new Date(Date.now() - DAY_MS),
		nextUpdate: new Date(Date.now() + DAY_MS),
		signingAlgorithm: signingAlgorithmOf(issuer.keys),
		signingKey: issuer.keys.privateKey,
		entries: revoked.map(({ certPem }) => ({
			serialNumber: new x509.X509Certificate(certPem).serialNumber,
			revocationDate: new Date(Date.now() - DAY_MS),
			// Without a reason the generator writes an empty list of extensions, which BoringSSL takes for a broken one.
			reason: x509.X509CrlReason.keyCompromise,
		})),
	});
	return `${x509.PemConverter.encode(list.rawData, "X509 CRL")}\n`;
}

function generalName(san: string): x509.JsonGeneralName {
	if (san.includes("://")) return { type: "url", value: san };
	if (san.includes("@")) return { type: "email", value: san };
	return isIP(san) === 0 ? { type: "dns", value: san } : { type: "ip", value: san };
}

const signingAlgorithmOf = (keys: webcrypto.CryptoKeyPair) =>
	keys.privateKey.algorithm.name === ECDSA.name ? ECDSA : RSA;

function newKeys(algorithm: typeof ECDSA | typeof RSA): Promise<webcrypto.CryptoKeyPair> {
	return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;
}
