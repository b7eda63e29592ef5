import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import type { FieldError } from "../definition.ts";
import { required } from "../field-error.ts";
import type { KubeObject } from "../object.ts";
import { objectIn } from "../schema/schema-path.ts";
import { AGE, integer, text, textAt } from "../table/columns.ts";
import { validateDataKeys, validateDataSize, validateImmutableData } from "./config-map.ts";
import { checkImmutable } from "./field-rules.ts";
import { fieldText } from "./pod-status.ts";

/** Keys that a type of Secret must have. */
const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
	"kubernetes.io/tls": ["tls.crt", "tls.key"],
	"kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
	"kubernetes.io/dockercfg": [".dockercfg"],
	"kubernetes.io/ssh-auth": ["ssh-privatekey"],
};

/** Secret of the core group. */
export const Secret = builtinKind({
	group: "",
	kind: "Secret",
	columns: [
		text("Type", (secret) => textAt(secret, "type")),
		integer("Data", (secret) => Object.keys(objectIn(secret, "data")).length),
		AGE,
	],
	fields: { type: (secret) => fieldText(secret, "type") },
	applyDefaults(secret) {
		if (!secret.type) secret.type = "Opaque";
		foldStringData(secret);
	},
	validate: (secret, old) => ({
		errors: [
			...validateDataKeys(secret, ["data"]),
			...validateDataSize(secret, ["data"]),
			...validateRequiredKeys(secret),
			...validateImmutableData(secret, old, ["data"]),
			...(old ? checkImmutable(secret.type, old.type, fieldPath("type")) : []),
		],
		warnings: [],
	}),
});

/** `stringData` is write-only: its values go into `data`, base64. */
function foldStringData(secret: KubeObject): void {
	const texts = Object.entries(objectIn(secret, "stringData"));
	if (texts.length > 0) {
		const encoded = texts.map(([key, value]) => [key, encodeBase64(String(value))]);
		secret.data = { ...objectIn(secret, "data"), ...Object.fromEntries(encoded) };
	}
	delete secret.stringData;
}

function encodeBase64(value: string): string {
	return btoa(Array.from(new TextEncoder().encode(value), (byte) => String.fromCharCode(byte)).join(""));
}

const ACCOUNT_NAME = "kubernetes.io/service-account.name";

function validateRequiredKeys(secret: KubeObject): FieldError[] {
	if (secret.type === "kubernetes.io/service-account-token" && !secret.metadata.annotations?.[ACCOUNT_NAME])
		return [required(fieldPath("metadata").field("annotations").key(ACCOUNT_NAME))];
	const keys = REQUIRED_KEYS[String(secret.type)] ?? [];
	const data = objectIn(secret, "data");
	return keys.filter((key) => !Object.hasOwn(data, key)).map((key) => required(fieldPath("data").key(key)));
}
