import type { FieldPath } from "../../../lib/field-path.ts";
import { type Problem, problem } from "../../../lib/problem.ts";
import type {
	CertificateValidationContext,
	TlsCertificate,
} from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import type { CommonTlsContext } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import { loadCertificate } from "../secret/certificate-material.ts";
import type { SecretReading } from "../secret/data-source.ts";
import { parseSecretReference, type SecretReference } from "../secret/secret-reference.ts";
import { loadValidation } from "../verify/validation-material.ts";
import { parseTlsParameters, type TlsAlgorithms } from "./tls-parameters.ts";

/** A CommonTlsContext, checked. Certificates stay messages: their files may change while it is in force. */
export interface CommonTls {
	readonly algorithms: TlsAlgorithms;
	/** In order of preference. */
	readonly alpn: readonly string[];
	readonly certificates: readonly CertificateSource[];
	/** Undefined: the peer is not looked at. */
	readonly validation: ValidationSource | undefined;
	/** NSS key log; undefined: keys are not logged. */
	readonly keyLogPath: string | undefined;
}

export type CertificateSource =
	| { readonly kind: "given"; readonly message: TlsCertificate; readonly at: string }
	| { readonly kind: "secret"; readonly reference: SecretReference };

/** A validation context: given, a secret, or a secret laid over a given one. */
export interface ValidationSource {
	readonly given: CertificateValidationContext | undefined;
	readonly reference: SecretReference | undefined;
	readonly at: string;
}

const MAX_ALPN_BYTES = 255;

/** Reads a CommonTlsContext; what is given in it is loaded once, so that what is wrong is told now. */
export function parseCommonTls(
	message: CommonTlsContext | undefined,
	side: "client" | "server",
	at: FieldPath,
	reading: SecretReading,
): CommonTls {
	const { problems } = reading;
	const alpn = message?.alpnProtocols ?? [];
	for (const [i, name] of alpn.entries())
		if (name === "" || name.length > MAX_ALPN_BYTES)
			problems.add("invalid", at.field("alpn_protocols").index(i), "a protocol's name has 1 to 255 bytes");
	const keyLog = message?.keyLog;
	if (keyLog && (keyLog.localAddressRange.length > 0 || keyLog.remoteAddressRange.length > 0))
		problems.notImplemented(at.field("key_log"), "a key log for some addresses only");
	return {
		algorithms: parseTlsParameters(message?.tlsParams, side, at.field("tls_params"), problems),
		alpn,
		certificates: message ? parseCertificateSources(message, side, at, reading) : [],
		validation: message && parseValidationSource(message, at, reading),
		keyLogPath: keyLog?.path || undefined,
	};
}

function parseCertificateSources(
	message: CommonTlsContext,
	side: "client" | "server",
	at: FieldPath,
	reading: SecretReading,
): CertificateSource[] {
	const { tlsCertificates: given, tlsCertificateSdsSecretConfigs: secrets } = message;
	const total = given.length > 0 ? given.length : secrets.length;
	if (side === "client" && total > 1)
		reading.problems.add("invalid", at.field("tls_certificates"), "a client shows one certificate only", "keep one");
	// Certificates that are given win (Envoy: "only one of tls_certificates, tls_certificate_sds_secret_configs").
	if (given.length > 0)
		return given.map((message, i) => {
			const here = at.field("tls_certificates").index(i);
			loadCertificate(message, here, reading);
			return { kind: "given", message, at: here.toString() };
		});
	return secrets.flatMap((secret, i) => {
		const here = at.field("tls_certificate_sds_secret_configs").index(i);
		const reference = parseSecretReference(secret, here, reading);
		return reference ? [{ kind: "secret" as const, reference }] : [];
	});
}

function parseValidationSource(
	{ validationContextType: chosen }: CommonTlsContext,
	at: FieldPath,
	reading: SecretReading,
): ValidationSource | undefined {
	switch (chosen.case) {
		case "validationContext": {
			const here = at.field("validation_context");
			loadValidation(chosen.value, here, reading);
			return { given: chosen.value, reference: undefined, at: here.toString() };
		}
		case "validationContextSdsSecretConfig": {
			const here = at.field("validation_context_sds_secret_config");
			const reference = parseSecretReference(chosen.value, here, reading);
			return { given: undefined, reference, at: here.toString() };
		}
		case "combinedValidationContext": {
			const { defaultValidationContext: given, validationContextSdsSecretConfig: secret } = chosen.value;
			const here = at.field("combined_validation_context");
			const where = here.field("validation_context_sds_secret_config");
			const reference = secret && parseSecretReference(secret, where, reading);
			if (!secret) reading.problems.add("invalid", where, "the field is required", "set it");
			return { given, reference, at: here.field("default_validation_context").toString() };
		}
		default:
			return undefined;
	}
}

/** A problem for each secret that is said to be in the bootstrap and is not. */
export function missingSecrets(
	{ certificates, validation }: CommonTls,
	secrets: { hasStatic(name: string): boolean },
): Problem[] {
	const named = certificates.flatMap((source) => (source.kind === "secret" ? [source.reference] : []));
	if (validation?.reference) named.push(validation.reference);
	return named.flatMap(({ name, source, at }) =>
		source.kind === "static" && !secrets.hasStatic(name)
			? [problem("LTN3805", at, `there is no secret "${name}" in static_resources`, "add it, or set sds_config")]
			: [],
	);
}
