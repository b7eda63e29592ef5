import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";

/** A certificate with its key, both PEM. */
export interface KeyPair {
	readonly certificatePem: string;
	readonly keyPem: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const BACKDATE_MS = 3_600_000;

/** A new self-signed authority, valid ten years from `nowEpochMs`. */
export async function createAuthority(nowEpochMs: number): Promise<KeyPair> {
	const keys = await generateKeys();
	const certificate = await x509.X509CertificateGenerator.createSelfSigned({
		name: "CN=lateen-ca",
		keys,
		signingAlgorithm: ALGORITHM,
		notBefore: new Date(nowEpochMs - BACKDATE_MS),
		notAfter: new Date(nowEpochMs + 3650 * DAY_MS),
		extensions: [
			new x509.BasicConstraintsExtension(true, undefined, true),
			new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
		],
	});
	return { certificatePem: certificate.toString("pem"), keyPem: await exportKey(keys.privateKey) };
}

/** What a certificate is issued for. */
export interface CertificateRequest {
	readonly commonName: string;
	/** Subject O, which Kubernetes reads as the user's group. */
	readonly organization?: string;
	/** Names and addresses; a server certificate when given, a client certificate when not. */
	readonly hosts?: readonly string[];
	readonly validMs: number;
}

/** A certificate signed by the authority. */
export async function issueCertificate(
	authority: KeyPair,
	request: CertificateRequest,
	nowEpochMs: number,
): Promise<KeyPair> {
	const keys = await generateKeys();
	const issuer = new x509.X509Certificate(authority.certificatePem);
	const organization = request.organization === undefined ? [] : [{ O: [request.organization] }];
	const usage = request.hosts ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
	const extensions: x509.Extension[] = [
		new x509.BasicConstraintsExtension(false, undefined, true),
		new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
		new x509.ExtendedKeyUsageExtension([usage]),
		await x509.AuthorityKeyIdentifierExtension.create(issuer),
	];
	if (request.hosts) extensions.push(new x509.SubjectAlternativeNameExtension(request.hosts.map(alternativeName)));
	const certificate = await x509.X509CertificateGenerator.create({
		subject: [...organization, { CN: [request.commonName] }],
		issuer: issuer.subject,
		notBefore: new Date(nowEpochMs - BACKDATE_MS),
		notAfter: new Date(nowEpochMs + request.validMs),
		signingKey: await importKey(authority.keyPem),
		publicKey: keys.publicKey,
		signingAlgorithm: ALGORITHM,
		extensions,
	});
	return { certificatePem: certificate.toString("pem"), keyPem: await exportKey(keys.privateKey) };
}

function alternativeName(host: string): x509.JsonGeneralName {
	return isIP(host) === 0 ? { type: "dns", value: host } : { type: "ip", value: host };
}

function generateKeys(): Promise<CryptoKeyPair> {
	return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

type CryptoKeyPair = webcrypto.CryptoKeyPair;

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
	return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
	return webcrypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(pem), ALGORITHM, false, ["sign"]);
}
