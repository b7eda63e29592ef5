import type { X509Certificate } from "node:crypto";
import { getCACertificates } from "node:tls";
import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import {
	type CertificateValidationContext,
	CertificateValidationContext_TrustChainVerification as TrustChain,
} from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import { SPIFFECertValidatorConfigSchema } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.ts";
import { parseCertificates } from "../secret/certificate-material.ts";
import { fileOf, readDataSource, type SecretReading } from "../secret/data-source.ts";
import { compileSanMatchers, type SanMatcher } from "./san-matcher.ts";
import { loadSpiffeDomains, type SpiffeDomains } from "./spiffe-domains.ts";

/** A CertificateValidationContext, read and compiled. */
export interface ValidationMaterial {
	/** Undefined: chains are not verified. */
	readonly ca: readonly X509Certificate[] | undefined;
	readonly caPem: readonly string[];
	/** PEM; undefined: revocation is not looked at. */
	readonly crl: Buffer | undefined;
	/** SHA-256 of public keys (base64) ... */
	readonly spkiPins: ReadonlySet<string>;
	/** ... and of certificates (hex); one of both kinds must fit when there are any. */
	readonly certHashes: ReadonlySet<string>;
	readonly sans: readonly SanMatcher[];
	readonly allowExpired: boolean;
	readonly acceptUntrusted: boolean;
	readonly leafCrlOnly: boolean;
	/** Authorities between leaf and trust anchor; undefined: any number. */
	readonly maxDepth: number | undefined;
	/** Trust bundles by trust domain in place of `ca`. */
	readonly spiffe: SpiffeDomains | undefined;
	/** File of the authorities, for `/certs`. */
	readonly path: string;
}

/** Reads a CertificateValidationContext; undefined when something is wrong, which is then told. */
export function loadValidation(
	message: CertificateValidationContext,
	at: FieldPath,
	reading: SecretReading,
): ValidationMaterial | undefined {
	const before = reading.problems.problems.length;
	const spiffe = loadSpiffe(message, at, reading);
	const ca = spiffe ? spiffe.all : loadAuthorities(message, at, reading);
	const sans = compileSanMatchers(message, at, reading.problems);
	if (sans.length > 0 && !ca)
		reading.problems.add(
			"invalid",
			at.field("match_typed_subject_alt_names"),
			"names of a certificate that nobody vouches for mean nothing",
			"set trusted_ca",
		);
	if (message.requireSignedCertificateTimestamp)
		reading.problems.notImplemented(at.field("require_signed_certificate_timestamp"), "certificate transparency");
	const material: ValidationMaterial = {
		ca,
		caPem: ca?.map((certificate) => certificate.toString()) ?? [],
		crl: readDataSource(message.crl, at.field("crl"), reading),
		spkiPins: new Set(message.verifyCertificateSpki.map((pin, i) => checkPin(pin, at, i, reading))),
		certHashes: new Set(message.verifyCertificateHash.map((hash, i) => checkHash(hash, at, i, reading))),
		sans,
		allowExpired: message.allowExpiredCertificate,
		acceptUntrusted: message.trustChainVerification === TrustChain.ACCEPT_UNTRUSTED,
		leafCrlOnly: message.onlyVerifyLeafCertCrl,
		maxDepth: message.maxVerifyDepth,
		spiffe,
		path: fileOf(message.trustedCa) ?? "",
	};
	return reading.problems.problems.length > before ? undefined : material;
}

function loadAuthorities(
	message: CertificateValidationContext,
	at: FieldPath,
	reading: SecretReading,
): readonly X509Certificate[] | undefined {
	if (message.systemRootCerts)
		return parseCertificates(
			Buffer.from(getCACertificates("system").join("\n")),
			at.field("system_root_certs"),
			reading,
		);
	const pem = readDataSource(message.trustedCa, at.field("trusted_ca"), reading);
	return pem && parseCertificates(pem, at.field("trusted_ca"), reading);
}

function loadSpiffe(
	message: CertificateValidationContext,
	at: FieldPath,
	reading: SecretReading,
): SpiffeDomains | undefined {
	const custom = message.customValidatorConfig;
	if (!custom) return undefined;
	const here = at.field("custom_validator_config").field("typed_config");
	const config = unpackAs(custom.typedConfig, SPIFFECertValidatorConfigSchema);
	if (config) return loadSpiffeDomains(config, here, reading);
	reading.problems.notImplemented(here, `the certificate validator "${custom.name}"`);
	return undefined;
}

const SHA256_BYTES = 32;

function checkPin(pin: string, at: FieldPath, i: number, { problems }: SecretReading): string {
	if (Buffer.from(pin, "base64").length !== SHA256_BYTES)
		problems.add("invalid", at.field("verify_certificate_spki").index(i), "this is not a SHA-256 digest in base64");
	return pin;
}

function checkHash(hash: string, at: FieldPath, i: number, { problems }: SecretReading): string {
	const plain = hash.replaceAll(":", "").toLowerCase();
	if (!/^[0-9a-f]{64}$/.test(plain))
		problems.add("invalid", at.field("verify_certificate_hash").index(i), "this is not a SHA-256 digest in hex");
	return plain;
}
