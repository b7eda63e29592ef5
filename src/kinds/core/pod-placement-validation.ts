import type { FieldPath } from "../../lib/field-path.ts";
import type { FieldError } from "../definition.ts";
import { invalid, notSupported, required } from "../field-error.ts";
import { qualifiedNameRule } from "../name-rules.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { objectsIn } from "./pod-defaults.ts";

const OPERATORS = ["Equal", "Exists"];
const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/** Rules of where a pod may run: tolerations and node affinity. */
export function validatePlacement(spec: JsonObject, path: FieldPath): FieldError[] {
	return [
		...objectsIn(spec, "tolerations").flatMap((one, i) => validateToleration(one, path.field("tolerations").index(i))),
		...validateNodeAffinity(objectIn(objectIn(spec, "affinity"), "nodeAffinity"), path),
	];
}

function validateToleration(toleration: JsonObject, path: FieldPath): FieldError[] {
	const { key, operator = "", effect, value = "", tolerationSeconds } = toleration;
	const errors: FieldError[] = [];
	if (key) errors.push(...qualifiedNameRule(String(key)).map((detail) => invalid(path.field("key"), key, detail)));
	else if (operator !== "Exists") {
		const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
		errors.push(invalid(path.field("operator"), operator, detail));
	}
	if (tolerationSeconds !== undefined && effect !== "NoExecute")
		errors.push(
			invalid(path.field("effect"), effect ?? "", "effect must be 'NoExecute' when `tolerationSeconds` is set"),
		);
	if (operator === "Exists" && value !== "")
		errors.push(invalid(path.field("operator"), toleration, "value must be empty when `operator` is 'Exists'"));
	if (operator !== "" && !OPERATORS.includes(String(operator)))
		errors.push(notSupported(path.field("operator"), operator, OPERATORS));
	if (effect && !EFFECTS.includes(String(effect))) errors.push(notSupported(path.field("effect"), effect, EFFECTS));
	return errors;
}

const REQUIRED_DURING = "requiredDuringSchedulingIgnoredDuringExecution";

function validateNodeAffinity(affinity: JsonObject, path: FieldPath): FieldError[] {
	const wanted = affinity[REQUIRED_DURING];
	if (!isObject(wanted) || objectsIn(wanted, "nodeSelectorTerms").length > 0) return [];
	const at = path.field("affinity").field("nodeAffinity").field(REQUIRED_DURING).field("nodeSelectorTerms");
	return [required(at, "must have at least one node selector term")];
}
