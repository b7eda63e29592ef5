import type { FieldPath } from "../../lib/field-path.ts";
import type { FieldError } from "../definition.ts";
import { invalid } from "../field-error.ts";
import { isObject } from "../schema/schema-path.ts";

const MAX_ID = 2 ** 31 - 1;

/** Rules of a security context, a pod's or a container's. */
export function validateSecurityContext(context: unknown, path: FieldPath): FieldError[] {
	if (!isObject(context)) return [];
	const errors = ["runAsUser", "runAsGroup", "fsGroup"].flatMap((name) => checkId(context[name], path.field(name)));
	if (context.privileged === true && context.allowPrivilegeEscalation === false)
		errors.push(invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"));
	return errors;
}

function checkId(value: unknown, path: FieldPath): FieldError[] {
	if (typeof value !== "number" || (value >= 0 && value <= MAX_ID)) return [];
	return [invalid(path, value, `must be between 0 and ${MAX_ID}, inclusive`)];
}
