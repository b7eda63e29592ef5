import assert from "node:assert/strict";
import { test } from "node:test";
import { redact } from "./redact.ts";

test("keys and passwords are taken out wherever they stand, whatever holds them", () => {
	const shown = redact({
		certificate: {
			"@type": "tls",
			certificate_chain: { inline_string: "public" },
			private_key: { inline_string: "secret" },
			password: { inline_bytes: "c2VjcmV0" },
		},
		secrets: [
			{ name: "a", tls_certificate: { private_key: { filename: "/key" } } },
			{ name: "b", session_ticket_keys: { keys: [{ inline_bytes: "c2VjcmV0" }] } },
			{ name: "c", generic_secret: { secret: { inline_string: "secret" } } },
		],
	});
	assert.deepEqual(shown, {
		certificate: {
			"@type": "tls",
			certificate_chain: { inline_string: "public" },
			private_key: { inline_string: "[redacted]" },
			password: { inline_bytes: Buffer.from("[redacted]").toString("base64") },
		},
		secrets: [
			{ name: "a", tls_certificate: { private_key: { filename: "[redacted]" } } },
			{ name: "b", session_ticket_keys: { keys: [{ inline_bytes: "W3JlZGFjdGVkXQ==" }] } },
			{ name: "c", generic_secret: { secret: { inline_string: "[redacted]" } } },
		],
	});
});
