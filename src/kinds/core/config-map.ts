import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import type { FieldError } from "../definition.ts";
import { forbidden, invalid, tooLong } from "../field-error.ts";
import { configKeyRule } from "../name-rules.ts";
import type { KubeObject } from "../object.ts";
import { objectIn } from "../schema/schema-path.ts";
import { AGE, integer } from "../table/columns.ts";
import { equalJson } from "./field-rules.ts";

const MAX_BYTES = 1_048_576;

const size = (object: KubeObject, name: string) => Object.keys(objectIn(object, name)).length;

/** Keys that stand in `data` and `binaryData` (or `stringData`). */
export function validateDataKeys(object: KubeObject, members: readonly string[]): FieldError[] {
	return members.flatMap((member) =>
		Object.keys(objectIn(object, member)).flatMap((key) =>
			configKeyRule(key).map((detail) => invalid(fieldPath(member).key(key), key, detail)),
		),
	);
}

/** Members of an object marked `immutable` may not change, nor may the mark go. */
export function validateImmutableData(
	object: KubeObject,
	old: KubeObject | undefined,
	members: readonly string[],
): FieldError[] {
	if (old?.immutable !== true) return [];
	const detail = "field is immutable when `immutable` is set";
	const changed = members.filter((member) => !equalJson(object[member], old[member]));
	return [...(object.immutable === true ? [] : ["immutable"]), ...changed].map((member) => forbidden(member, detail));
}

/** Together the values may not be larger than a store takes. */
export function validateDataSize(object: KubeObject, members: readonly string[]): FieldError[] {
	const total = members
		.flatMap((member) => Object.values(objectIn(object, member)))
		.reduce((sum: number, value) => sum + String(value).length, 0);
	return total > MAX_BYTES ? [tooLong("", MAX_BYTES)] : [];
}

/** ConfigMap of the core group. */
export const ConfigMap = builtinKind({
	group: "",
	kind: "ConfigMap",
	columns: [integer("Data", (map) => size(map, "data") + size(map, "binaryData")), AGE],
	validate(map, old) {
		const both = Object.keys(objectIn(map, "data")).filter((key) => Object.hasOwn(objectIn(map, "binaryData"), key));
		const errors = [
			...validateDataKeys(map, ["data", "binaryData"]),
			...both.map((key) => invalid(fieldPath("data").key(key), key, "duplicate of key present in binaryData")),
			...validateDataSize(map, ["data", "binaryData"]),
			...validateImmutableData(map, old, ["data", "binaryData"]),
		];
		return { errors, warnings: [] };
	},
});
