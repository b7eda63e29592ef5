import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { TlsCertificate } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import { demandsStaple } from "../verify/certificate-der.ts";
import { alternativeNames } from "../verify/certificate-info.ts";
import { fileOf, readDataSource, type SecretReading } from "./data-source.ts";
import { type OcspStaple, readStaple } from "./ocsp-staple.ts";

/** A certificate with its key, read and found to fit together. */
export interface CertificateMaterial {
	readonly certPem: Buffer;
	/** Without its password. */
	readonly keyPem: string;
	readonly leaf: X509Certificate;
	readonly chain: readonly X509Certificate[];
	readonly keyKind: "rsa" | "ecdsa";
	/** DNS names that it is chosen by: its SANs, or its common name when it has none. */
	readonly names: readonly string[];
	readonly ocspStaple: OcspStaple | undefined;
	/** It may be shown with a fresh staple only (RFC 7633). */
	readonly demandsStaple: boolean;
	/** File of the chain, for `/certs`. */
	readonly path: string;
}

const MIN_RSA_BITS = 2048;

/** Reads a TlsCertificate; undefined when something is wrong, which is then told. */
export function loadCertificate(
	message: TlsCertificate,
	at: FieldPath,
	reading: SecretReading,
): CertificateMaterial | undefined {
	const { problems } = reading;
	const certPem = required(message.certificateChain, at.field("certificate_chain"), reading);
	const key = required(message.privateKey, at.field("private_key"), reading);
	if (!certPem || !key) return undefined;
	const chain = parseCertificates(certPem, at.field("certificate_chain"), reading);
	const password = readDataSource(message.password, at.field("password"), reading)?.toString("utf8");
	const keyObject = parseKey(key, password, at.field("private_key"), reading);
	const leaf = chain?.[0];
	if (!leaf || !keyObject) return undefined;
	if (!leaf.checkPrivateKey(keyObject)) {
		problems.add("material", at.field("private_key"), "the key does not belong to the certificate");
		return undefined;
	}
	const keyKind = keyKindOf(leaf, at.field("certificate_chain"), reading);
	if (!keyKind) return undefined;
	const staple = readDataSource(message.ocspStaple, at.field("ocsp_staple"), reading);
	return {
		certPem,
		keyPem: keyObject.export({ type: "pkcs8", format: "pem" }).toString(),
		leaf,
		chain: chain!,
		keyKind,
		names: namesOf(leaf),
		ocspStaple: staple && readStaple(staple, leaf, at.field("ocsp_staple"), reading),
		demandsStaple: demandsStaple(leaf),
		path: fileOf(message.certificateChain) ?? "",
	};
}

function required(source: TlsCertificate["privateKey"], at: FieldPath, reading: SecretReading): Buffer | undefined {
	if (source) return readDataSource(source, at, reading);
	reading.problems.add("invalid", at, "the field is required", "set it");
	return undefined;
}

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Every certificate of a PEM text. */
export function parseCertificates(
	pem: Buffer,
	at: FieldPath,
	{ problems }: SecretReading,
): X509Certificate[] | undefined {
	const blocks = pem.toString("latin1").match(BLOCK);
	if (!blocks) {
		problems.add("material", at, "there is no certificate in it", "give it in PEM form");
		return undefined;
	}
	try {
		return blocks.map((block) => new X509Certificate(block));
	} catch (error) {
		problems.add("material", at, `the certificate cannot be read (${(error as Error).message})`);
		return undefined;
	}
}

function parseKey(
	key: Buffer,
	passphrase: string | undefined,
	at: FieldPath,
	{ problems }: SecretReading,
): KeyObject | undefined {
	try {
		return createPrivateKey({ key, format: "pem", ...(passphrase !== undefined && { passphrase }) });
	} catch {
		// What OpenSSL says of a key that it cannot read helps nobody, and nothing of a key may be repeated.
		problems.add(
			"material",
			at,
			"the private key cannot be read",
			"give it in PEM form, with its password if it has one",
		);
		return undefined;
	}
}

function keyKindOf(leaf: X509Certificate, at: FieldPath, { problems }: SecretReading): "rsa" | "ecdsa" | undefined {
	const { asymmetricKeyType: type, asymmetricKeyDetails: details } = leaf.publicKey;
	if (type === "ec") return "ecdsa";
	if (type !== "rsa") {
		problems.add("material", at, `keys of type ${type} are not allowed`, "use RSA or ECDSA");
		return undefined;
	}
	if ((details?.modulusLength ?? 0) < MIN_RSA_BITS) {
		problems.add("material", at, `an RSA key needs at least ${MIN_RSA_BITS} bits`);
		return undefined;
	}
	return "rsa";
}

function namesOf(leaf: X509Certificate): readonly string[] {
	const { dns } = alternativeNames(leaf);
	if (dns.length > 0) return dns;
	const commonName = /^CN=(.*)$/m.exec(leaf.subject ?? "")?.[1];
	return commonName === undefined ? [] : [commonName];
}
