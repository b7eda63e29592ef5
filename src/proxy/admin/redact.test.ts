import assert from "node:assert/strict";
import { test } from "node:test";
import { redact } from "./redact.ts";

test("keys and passwords are taken out wherever they stand, whatever holds them", () => {
	const certificate = {
		certificate_chain: { inline_string: "public" },
		private_key: { inline_string: "secret" },
		password: { inline_bytes: "c2VjcmV0" },
	};
	const dump = {
		"@type": "type",
		listeners: [{ typed_config: { "@type": "tls", common: { tls_certificates: [certificate] } } }],
		secrets: [
			{ name: "a", tls_certificate: { private_key: { filename: "/key" } } },
			{ name: "b", session_ticket_keys: { keys: [{ inline_bytes: "c2VjcmV0" }, { environment_variable: "KEY" }] } },
			{
				name: "c",
				generic_secret: { secret: { inline_string: "secret" }, secrets: { x: { inline_string: "secret" } } },
			},
		],
	};
	const shown = redact(dump);
	assert.doesNotMatch(JSON.stringify(shown), /"secret"[,}]|c2VjcmV0|"\/key"|"KEY"/);
	assert.deepEqual(shown.secrets[0], { name: "a", tls_certificate: { private_key: { filename: "[redacted]" } } });
	const [listener] = shown.listeners;
	assert.deepEqual(listener!.typed_config.common.tls_certificates[0]!.certificate_chain, { inline_string: "public" });
	assert.equal(listener!.typed_config["@type"], "tls");
	assert.equal(Buffer.from("W3JlZGFjdGVkXQ==", "base64").toString(), "[redacted]");
});
