import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import type { FieldError, JsonSchema } from "../definition.ts";
import { invalid, invalidType, notSupported, required } from "../field-error.ts";
import { resolveSchema } from "./built-in-schemas.ts";
import { formatProblemOf } from "./formats.ts";
import { matchesPattern } from "./patterns.ts";
import { childrenOf, isObject, type JsonObject } from "./schema-path.ts";
import { checkNumber, checkSize } from "./value-limits.ts";

/**
 * Checks an object against a structural schema (apiextensions rules: types, nullable, int-or-string, required, enums,
 * limits, patterns, formats, oneOf/anyOf/allOf/not). Unknown members are no matter of this function, nor is `metadata` at
 * the root (decoding types it, `validateMetadata` checks it). Every error is returned, with Kubernetes' texts.
 */
export function validateSchema(schema: JsonSchema, object: unknown): FieldError[] {
	const errors: FieldError[] = [];
	check(schema, object, fieldPath(), errors);
	return errors;
}

function check(schema: JsonSchema, value: unknown, path: FieldPath, errors: FieldError[]): void {
	const node = resolveSchema(schema);
	if (value === null && (node.nullable === true || node.type === undefined)) return;
	if (!hasType(node, value)) {
		errors.push(typeError(node, value, path));
		return;
	}
	checkEnum(node, value, path, errors);
	if (typeof value === "string") checkText(node, value, path, errors);
	else if (typeof value === "number") checkNumber(node, value, path, errors);
	else if (Array.isArray(value)) checkList(node, value, path, errors);
	else if (isObject(value)) checkObject(node, value, path, errors);
	checkComposites(node, value, path, errors);
}

/** JSON Schema's word for a value. */
function typeWord(value: unknown): string {
	if (value === null) return "null";
	if (Array.isArray(value)) return "array";
	if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
	return typeof value;
}

function hasType(node: JsonSchema, value: unknown): boolean {
	const word = typeWord(value);
	if (node["x-kubernetes-int-or-string"] === true || node.format === "int-or-string")
		return word === "integer" || word === "string";
	if (node.type === undefined) return true;
	return word === node.type || (node.type === "number" && word === "integer");
}

function typeError(node: JsonSchema, value: unknown, path: FieldPath): FieldError {
	const wanted = node.type ?? "integer,string";
	return invalidType(
		path,
		typeWord(value),
		`${where(path)} must be of type ${wanted}: ${JSON.stringify(typeWord(value))}`,
	);
}

/** How the structural validator names a place inside its texts. */
export function where(path: FieldPath): string {
	const text = path.toString();
	return text === "" ? "in body" : `${text} in body`;
}

function checkEnum(node: JsonSchema, value: unknown, path: FieldPath, errors: FieldError[]): void {
	if (!node.enum || node.enum.some((item) => item === value)) return;
	errors.push(notSupported(path, value, node.enum));
}

function checkText(node: JsonSchema, value: string, path: FieldPath, errors: FieldError[]): void {
	checkSize("Length", node, [...value].length, { path, errors, value });
	if (node.pattern !== undefined && !matchesPattern(node.pattern, value))
		errors.push(invalid(path, value, `${where(path)} should match '${node.pattern}'`));
	const problem = node.format === undefined ? undefined : formatProblemOf(node.format, value);
	if (problem !== undefined)
		errors.push(invalid(path, value, `${where(path)} must be of type ${node.format}: ${problem}`));
}

function checkList(node: JsonSchema, value: readonly unknown[], path: FieldPath, errors: FieldError[]): void {
	checkSize("Items", node, value.length, { path, errors, value });
	for (const child of childrenOf(node, value, path)) check(child.schema, child.value, child.path, errors);
}

function checkObject(node: JsonSchema, value: JsonObject, path: FieldPath, errors: FieldError[]): void {
	checkSize("Properties", node, Object.keys(value).length, { path, errors, value });
	for (const name of node.required ?? []) if (value[name] === undefined) errors.push(required(path.field(name)));
	const { properties = {}, additionalProperties } = node;
	for (const [name, member] of Object.entries(value)) {
		if (member === undefined || (name === "metadata" && path.toString() === "")) continue;
		const inner = Object.hasOwn(properties, name) ? properties[name] : undefined;
		if (inner) check(inner, member, path.field(name), errors);
		else if (typeof additionalProperties === "object") check(additionalProperties, member, path.key(name), errors);
	}
}

function checkComposites(node: JsonSchema, value: unknown, path: FieldPath, errors: FieldError[]): void {
	for (const branch of node.allOf ?? []) check(branch, value, path, errors);
	if (node.anyOf && !node.anyOf.some((branch) => holds(branch, value)))
		errors.push(invalid(path, "", `${quoted(path)} must validate at least one schema (anyOf)`));
	if (node.oneOf) checkOneOf(node.oneOf, value, path, errors);
	if (node.not && holds(node.not, value))
		errors.push(invalid(path, "", `${quoted(path)} must not validate the schema (not)`));
}

function checkOneOf(branches: readonly JsonSchema[], value: unknown, path: FieldPath, errors: FieldError[]): void {
	const count = branches.filter((branch) => holds(branch, value)).length;
	if (count === 1) return;
	const found = count === 0 ? "Found none valid" : `Found ${count} valid alternatives`;
	errors.push(invalid(path, "", `${quoted(path)} must validate one and only one schema (oneOf). ${found}`));
}

const quoted = (path: FieldPath) => JSON.stringify(path.toString() === "" ? "<nil>" : path.toString());

function holds(schema: JsonSchema, value: unknown): boolean {
	return validateSchema(schema, value).length === 0;
}
