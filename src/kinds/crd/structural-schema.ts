import type { FieldPath } from "../../lib/field-path.ts";
import type { FieldError } from "../definition.ts";
import { forbidden, invalid, notSupported, required } from "../field-error.ts";
import { patternProblem } from "../schema/patterns.ts";
import { isObject, type JsonObject } from "../schema/schema-path.ts";

const TYPES = ["array", "boolean", "integer", "number", "object", "string"];
const COMPOSITES = ["allOf", "anyOf", "oneOf"];

/**
 * Whether a CRD's schema is structural (apiextensions rules): every node has a type, composites only test values, no
 * references, `properties` and `additionalProperties` exclude each other.
 */
export function validateStructure(root: JsonObject, path: FieldPath): FieldError[] {
	const errors: FieldError[] = [];
	if (root.type !== "object") errors.push(rootType(root, path));
	visit(root, path, errors);
	checkPatterns(root, path, errors);
	return errors;
}

function rootType(root: JsonObject, path: FieldPath): FieldError {
	return root.type === undefined
		? required(path.field("type"), "must not be empty at the root")
		: notSupported(path.field("type"), root.type, ["object"]);
}

function visit(node: JsonObject, path: FieldPath, errors: FieldError[]): void {
	checkType(node, path, errors);
	if (node.$ref !== undefined) errors.push(forbidden(path.field("$ref"), "$ref is not supported"));
	if (node.uniqueItems === true)
		errors.push(
			forbidden(
				path.field("uniqueItems"),
				"uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
			),
		);
	if (isObject(node.properties) && node.additionalProperties !== undefined)
		errors.push(
			forbidden(path.field("additionalProperties"), "additionalProperties and properties are mutual exclusive"),
		);
	if (node.type === "array" && !isObject(node.items)) errors.push(required(path.field("items"), "must be specified"));
	checkComposites(node, path, errors);
	for (const [child, at] of children(node, path)) visit(child, at, errors);
}

function checkType(node: JsonObject, path: FieldPath, errors: FieldError[]): void {
	const isFree = node["x-kubernetes-preserve-unknown-fields"] === true || node["x-kubernetes-int-or-string"] === true;
	if (node.type === undefined) {
		if (!isFree) errors.push(required(path.field("type"), "must not be empty for specified object fields"));
	} else if (!TYPES.includes(String(node.type))) {
		errors.push(notSupported(path.field("type"), node.type, TYPES));
	}
}

/** Every pattern, also those inside composites, is compiled before an object can meet it. */
function checkPatterns(node: JsonObject, path: FieldPath, errors: FieldError[]): void {
	const { pattern } = node;
	const problem = typeof pattern === "string" ? patternProblem(pattern) : undefined;
	if (problem !== undefined)
		errors.push(invalid(path.field("pattern"), pattern, `must be a valid regular expression, but isn't: ${problem}`));
	for (const [child, at] of children(node, path)) checkPatterns(child, at, errors);
	for (const [branch, at] of branchesOf(node, path)) checkPatterns(branch, at, errors);
}

/** Inside composites no structure may be declared: it would have to be pruned and defaulted there too. */
function checkComposites(node: JsonObject, path: FieldPath, errors: FieldError[]): void {
	const isIntOrString = node["x-kubernetes-int-or-string"] === true;
	for (const [branch, at] of branchesOf(node, path)) {
		for (const name of ["type", "default", "additionalProperties", "nullable"]) {
			const isAllowed = name === "type" && isIntOrString;
			if (branch[name] !== undefined && !isAllowed)
				errors.push(forbidden(at.field(name), "must be empty to be structural"));
		}
	}
}

function* branchesOf(node: JsonObject, path: FieldPath): Generator<[JsonObject, FieldPath]> {
	for (const name of COMPOSITES) {
		const list = Array.isArray(node[name]) ? node[name] : [];
		for (const [i, branch] of list.entries()) if (isObject(branch)) yield [branch, path.field(name).index(i)];
	}
	if (isObject(node.not)) yield [node.not, path.field("not")];
}

function* children(node: JsonObject, path: FieldPath): Generator<[JsonObject, FieldPath]> {
	if (isObject(node.properties)) {
		for (const [name, child] of Object.entries(node.properties))
			if (isObject(child)) yield [child, path.field("properties").key(name)];
	}
	if (isObject(node.additionalProperties)) yield [node.additionalProperties, path.field("additionalProperties")];
	if (isObject(node.items)) yield [node.items, path.field("items")];
}
