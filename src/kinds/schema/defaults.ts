import type { JsonSchema } from "../definition.ts";
import { resolveSchema } from "./built-in-schemas.ts";
import { isObject, type JsonObject } from "./schema-path.ts";

/**
 * Fills the schema's `default`s in place, parents first, so that a default object is filled too. A null for a member that
 * is not nullable counts as absent and is removed (Kubernetes: structural defaulting; Go decodes null as zero).
 */
export function applySchemaDefaults(schema: JsonSchema, value: unknown): void {
	const node = resolveSchema(schema);
	if (Array.isArray(value)) {
		if (node.items) for (const item of value) applySchemaDefaults(node.items, item);
	} else if (isObject(value)) {
		fillObject(node, value);
	}
}

/** True when the (custom kind's) schema fills in anything. */
export function hasDefaults(schema: JsonSchema): boolean {
	if (schema.$ref !== undefined) return false; // metadata: what is built in has its defaults when it is stored
	const { default: value, items, properties = {}, additionalProperties } = schema;
	const inner = [items, ...Object.values(properties), additionalProperties];
	return value !== undefined || inner.some((one) => typeof one === "object" && hasDefaults(one));
}

function fillObject(node: JsonSchema, object: JsonObject): void {
	for (const [name, property] of Object.entries(node.properties ?? {})) {
		const resolved = resolveSchema(property);
		if (object[name] === null && resolved.nullable !== true) delete object[name];
		if (object[name] === undefined && resolved.default !== undefined) object[name] = structuredClone(resolved.default);
		if (object[name] !== undefined) applySchemaDefaults(resolved, object[name]);
	}
	const { additionalProperties } = node;
	if (typeof additionalProperties !== "object") return;
	for (const [name, member] of Object.entries(object)) {
		if (!node.properties || !Object.hasOwn(node.properties, name)) applySchemaDefaults(additionalProperties, member);
	}
}
