import type { FieldPath } from "../../lib/field-path.ts";
import type { FieldError } from "../definition.ts";
import { invalid, required } from "../field-error.ts";
import { envNameRule } from "../name-rules.ts";
import { isObject, type JsonObject } from "../schema/schema-path.ts";
import { checkName } from "./field-rules.ts";
import { objectsIn } from "./pod-defaults.ts";

const SOURCES = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`";

/** What a variable can read of its own pod. */
const POD_FIELDS =
	/^(metadata\.(name|namespace|uid|(labels|annotations)\['[^']+'\])|spec\.(nodeName|serviceAccountName)|status\.(podIPs?|hostIPs?))$/;

/** Rules of a container's `env` and `envFrom`. */
export function validateEnvironment(container: JsonObject, path: FieldPath): FieldError[] {
	const variables = objectsIn(container, "env");
	const sources = objectsIn(container, "envFrom");
	return [
		...variables.flatMap((variable, i) => validateVariable(variable, path.field("env").index(i))),
		...sources.flatMap((source) => validateSource(source, path.field("envFrom"))),
	];
}

function validateVariable(variable: JsonObject, path: FieldPath): FieldError[] {
	const errors = checkName(variable.name, envNameRule, path.field("name"));
	const source = variable.valueFrom;
	if (!isObject(source)) return errors;
	const at = path.field("valueFrom");
	const names = Object.keys(source);
	if (variable.value) errors.push(invalid(at, "", "may not be specified when `value` is not empty"));
	if (names.length === 0) errors.push(invalid(at, "", `must specify one of: ${SOURCES}`));
	if (names.length > 1) errors.push(invalid(at, "", "may not have more than one field specified at a time"));
	return [...errors, ...names.flatMap((name) => validateReference(name, source[name], at.field(name)))];
}

function validateReference(name: string, reference: unknown, path: FieldPath): FieldError[] {
	if (!isObject(reference)) return [];
	if (name === "configMapKeyRef" || name === "secretKeyRef") return reference.key ? [] : [required(path.field("key"))];
	if (name === "resourceFieldRef") return reference.resource ? [] : [required(path.field("resource"))];
	const field = reference.fieldPath;
	if (!field) return [required(path.field("fieldPath"))];
	const detail = `error converting fieldPath: field label not supported: ${field}`;
	return POD_FIELDS.test(String(field)) ? [] : [invalid(path.field("fieldPath"), field, detail)];
}

function validateSource(source: JsonObject, path: FieldPath): FieldError[] {
	const given = ["configMapRef", "secretRef"].filter((name) => isObject(source[name]));
	const errors = given
		.filter((name) => !(source[name] as JsonObject).name)
		.map((name) => required(path.field(name).field("name")));
	if (given.length === 0) return [invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")];
	if (given.length > 1) errors.push(invalid(path, "", "may not have more than one field specified at a time"));
	return errors;
}
