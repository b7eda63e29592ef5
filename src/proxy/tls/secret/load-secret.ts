import type { FieldPath } from "../../../lib/field-path.ts";
import type { Secret } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { loadValidation } from "../verify/validation-material.ts";
import { loadCertificate } from "./certificate-material.ts";
import { readDataSource, type SecretReading } from "./data-source.ts";

/** BoringSSL's ticket key: 16 bytes of name, 32 of HMAC key, 32 of AES key. */
export const TICKET_KEY_BYTES = 80;

/** Reads everything that a secret names, for what is wrong in it. */
export function loadSecret(secret: Secret, at: FieldPath, reading: SecretReading): void {
	const { type } = secret;
	switch (type.case) {
		case "tlsCertificate":
			loadCertificate(type.value, at.field("tls_certificate"), reading);
			return;
		case "validationContext":
			loadValidation(type.value, at.field("validation_context"), reading);
			return;
		case "sessionTicketKeys":
			loadTicketKeys(type.value.keys, at.field("session_ticket_keys"), reading);
			return;
		case "genericSecret":
			readDataSource(type.value.secret, at.field("generic_secret").field("secret"), reading);
			return;
		default:
			reading.problems.add("invalid", at, "the secret holds nothing", "set tls_certificate or validation_context");
	}
}

/** The keys of session tickets: the first one seals, all open. */
export function loadTicketKeys(
	keys: readonly Parameters<typeof readDataSource>[0][],
	at: FieldPath,
	reading: SecretReading,
): readonly Buffer[] {
	if (keys.length === 0) reading.problems.add("invalid", at.field("keys"), "at least one key is needed");
	return keys.flatMap((source, i) => {
		const here = at.field("keys").index(i);
		const key = readDataSource(source, here, reading);
		if (key && key.length !== TICKET_KEY_BYTES)
			reading.problems.add(
				"material",
				here,
				`a session ticket key has ${TICKET_KEY_BYTES} bytes, this one ${key.length}`,
			);
		return key ? [key] : [];
	});
}
