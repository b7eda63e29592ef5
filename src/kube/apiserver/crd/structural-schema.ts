import type { FieldError, JsonSchema } from "../../../kinds/definition.ts";
import { forbidden, invalid, required } from "../../../kinds/field-error.ts";
import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import { isJsonObject } from "../patch/merge-patch.ts";

const MAX_DEPTH = 100;

/**
 * Rules of structural schemas (apiextensions.k8s.io/v1): every node has a type, no references, value validations add no types.
 */
export function checkStructural(schema: unknown, path: FieldPath): FieldError[] {
	if (!isJsonObject(schema)) return [required(path, "schemas are required")];
	const errors: FieldError[] = [];
	if (schema.type !== "object") {
		const found = schema.type ?? "";
		errors.push(invalid(path.field("type"), found, "must be object at the root"));
	}
	checkNode(schema as JsonSchema, path, 0, errors);
	return errors;
}

function checkNode(node: JsonSchema, path: FieldPath, depth: number, errors: FieldError[]): void {
	if (depth > MAX_DEPTH) {
		errors.push(forbidden(path, "is nested too deeply"));
		return;
	}
	if (node.$ref !== undefined) errors.push(forbidden(path.field("$ref"), "$ref is not supported"));
	checkType(node, path, depth, errors);
	checkExtensions(node, path, errors);
	for (const [name, property] of Object.entries(node.properties ?? {}))
		checkChild(property, path.field("properties").key(name), depth, errors);
	if (isJsonObject(node.items)) checkChild(node.items as JsonSchema, path.field("items"), depth, errors);
	if (isJsonObject(node.additionalProperties)) {
		checkChild(node.additionalProperties as JsonSchema, path.field("additionalProperties"), depth, errors);
		if (node.properties)
			errors.push(forbidden(path.field("additionalProperties"), "must not be used together with properties"));
	}
}

function checkChild(child: JsonSchema, path: FieldPath, depth: number, errors: FieldError[]): void {
	if (isJsonObject(child)) checkNode(child, path, depth + 1, errors);
	else errors.push(invalid(path, child, "must be a schema"));
}

const TYPES = ["object", "array", "string", "integer", "number", "boolean"];

function checkType(node: JsonSchema, path: FieldPath, depth: number, errors: FieldError[]): void {
	const { type } = node;
	const isFree = node["x-kubernetes-preserve-unknown-fields"] === true;
	const isIntOrString = node["x-kubernetes-int-or-string"] === true;
	if (type === undefined || type === "") {
		const where = depth === 0 ? "must not be empty at the root" : "must not be empty for specified object fields";
		if (!isFree && !isIntOrString) errors.push(required(path.field("type"), where));
	} else if (!TYPES.includes(type)) {
		errors.push(invalid(path.field("type"), type, `must be one of ${TYPES.join(", ")}`));
	} else if (isIntOrString) {
		errors.push(invalid(path.field("type"), type, "must be empty if x-kubernetes-int-or-string is true"));
	}
	if (type === "array" && !isJsonObject(node.items)) errors.push(required(path.field("items"), "must be specified"));
}

function checkExtensions(node: JsonSchema, path: FieldPath, errors: FieldError[]): void {
	if (node["x-kubernetes-preserve-unknown-fields"] === false) {
		const at = path.field("x-kubernetes-preserve-unknown-fields");
		errors.push(invalid(at, false, "must be true or undefined"));
	}
	if (node["x-kubernetes-embedded-resource"] === true && node.type !== "object")
		errors.push(
			invalid(path.field("type"), node.type ?? "", "must be object if x-kubernetes-embedded-resource is true"),
		);
	const keys = node["x-kubernetes-list-map-keys"];
	const isMap = node["x-kubernetes-list-type"] === "map";
	const at = path.field("x-kubernetes-list-map-keys");
	if (isMap && (!Array.isArray(keys) || keys.length === 0))
		errors.push(required(at, "must not be empty if x-kubernetes-list-type is map"));
	if (!isMap && Array.isArray(keys)) errors.push(forbidden(at, "x-kubernetes-list-type must be map"));
}

/** True when any node of a schema carries CEL rules. */
export function hasCelRules(schema: unknown): boolean {
	if (Array.isArray(schema)) return schema.some(hasCelRules);
	if (!isJsonObject(schema)) return false;
	const rules = schema["x-kubernetes-validations"];
	if (Array.isArray(rules) && rules.length > 0) return true;
	return Object.values(schema).some(hasCelRules);
}

/** Path of the schema of one version. */
export function schemaPath(index: number): FieldPath {
	return fieldPath("spec").field("versions").index(index).field("schema").field("openAPIV3Schema");
}
