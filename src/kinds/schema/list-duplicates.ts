import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import type { FieldError, JsonSchema } from "../definition.ts";
import { duplicate } from "../field-error.ts";
import { resolveSchema } from "./built-in-schemas.ts";
import { childrenOf, isObject, mergeInfo } from "./schema-path.ts";

/** Items that break `x-kubernetes-list-type: set` or `map` by being there twice. */
export function findListDuplicates(schema: JsonSchema, object: unknown): FieldError[] {
	const errors: FieldError[] = [];
	walk(schema, object, fieldPath(), errors);
	return errors;
}

function walk(schema: JsonSchema, value: unknown, path: FieldPath, errors: FieldError[]): void {
	const node = resolveSchema(schema);
	if (Array.isArray(value)) checkList(node, value, path, errors);
	for (const child of childrenOf(node, value, path)) walk(child.schema, child.value, child.path, errors);
}

function checkList(node: JsonSchema, list: readonly unknown[], path: FieldPath, errors: FieldError[]): void {
	const { listType, listMapKeys } = mergeInfo(node);
	if (listType === "atomic") return;
	const seen = new Set<string>();
	for (const [i, item] of list.entries()) {
		const key = listType === "map" && isObject(item) ? pickKeys(item, listMapKeys) : item;
		const text = JSON.stringify(key) ?? "null";
		if (seen.has(text)) errors.push(duplicate(path.index(i), key));
		seen.add(text);
	}
}

function pickKeys(item: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
	const picked: Record<string, unknown> = {};
	for (const key of [...keys].sort()) if (item[key] !== undefined) picked[key] = item[key];
	return picked;
}
