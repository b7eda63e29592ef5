import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import type { JsonSchema } from "../definition.ts";
import { resolveSchema } from "./built-in-schemas.ts";
import { childrenOf } from "./schema-path.ts";

/** Go's word for a JSON value, as its decoder prints it. */
function jsonWord(value: unknown): string {
	if (Array.isArray(value)) return "array";
	if (typeof value === "object") return "object";
	if (typeof value === "boolean") return "bool";
	return typeof value;
}

function goType(node: JsonSchema): string {
	if (node.type === "array") return `[]${goType(node.items ? resolveSchema(node.items) : {})}`;
	if (node.type === "object") {
		if (typeof node.additionalProperties === "object")
			return `map[string]${goType(resolveSchema(node.additionalProperties))}`;
		return "struct";
	}
	if (node.type === "boolean") return "bool";
	if (node.type === "integer") return node.format === "int32" ? "int32" : "int64";
	return node.type === "number" ? "float64" : (node.type ?? "interface {}");
}

/**
 * Values whose JSON type the schema does not allow, in the words of Go's decoder with the path in full; a built-in kind
 * with one of these is refused with 400 before any validation. `null` is always allowed (it means absent).
 */
export function findTypeErrors(schema: JsonSchema, object: unknown): string[] {
	const found: string[] = [];
	walk(schema, object, fieldPath(), found);
	return found;
}

function walk(schema: JsonSchema, value: unknown, path: FieldPath, found: string[]): void {
	if (value === null || value === undefined) return;
	const node = resolveSchema(schema);
	if (!accepts(node, value)) {
		const word = typeof value === "number" && node.type === "integer" ? `number ${value}` : jsonWord(value);
		found.push(`json: cannot unmarshal ${word} into Go struct field ${path} of type ${goType(node)}`);
		return;
	}
	for (const child of childrenOf(node, value, path)) walk(child.schema, child.value, child.path, found);
}

const WORD_OF_TYPE: Readonly<Record<string, string>> = { integer: "number", boolean: "bool" };

function accepts(node: JsonSchema, value: unknown): boolean {
	if (node.type === undefined) return true;
	if (isNumberOrText(node)) return typeof value === "string" || typeof value === "number";
	const word = jsonWord(value);
	if (word !== (WORD_OF_TYPE[node.type] ?? node.type)) return false;
	return node.type !== "integer" || fitsInteger(node, value as number);
}

function fitsInteger(node: JsonSchema, value: number): boolean {
	if (!Number.isInteger(value)) return false;
	return node.format !== "int32" || (value >= -(2 ** 31) && value < 2 ** 31);
}

/** IntOrString and Quantity are written as numbers too. */
function isNumberOrText(node: JsonSchema): boolean {
	return node.format === "int-or-string" || node.oneOf?.some(({ type }) => type === "number") === true;
}
