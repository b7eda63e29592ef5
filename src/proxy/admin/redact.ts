import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** Fields whose content Envoy's API marks as sensitive. */
const SENSITIVE = new Set(["private_key", "password", "pkcs12", "generic_secret", "session_ticket_keys"]);
const REDACTED = "[redacted]";
const REDACTED_BYTES = Buffer.from(REDACTED).toString("base64");

/** A message in JSON (proto field names) without keys and passwords, wherever they stand. */
export function redact(message: JsonObject): JsonObject {
	return walk(message, false) as JsonObject;
}

function walk(value: JsonValue, sensitive: boolean): JsonValue {
	if (typeof value === "string") return sensitive ? REDACTED : value;
	if (Array.isArray(value)) return value.map((one) => walk(one, sensitive));
	if (typeof value !== "object" || value === null) return value;
	const plain: JsonObject = {};
	for (const [key, one] of Object.entries(value))
		plain[key] =
			sensitive && key === "inline_bytes"
				? REDACTED_BYTES
				: walk(one, (sensitive || SENSITIVE.has(key)) && key !== "@type");
	return plain;
}
