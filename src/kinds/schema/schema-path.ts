import type { FieldPath } from "../../lib/field-path.ts";
import type { JsonSchema } from "../definition.ts";
import { resolveSchema } from "./built-in-schemas.ts";

/** Schema of one member of an object: a named property, else what `additionalProperties` says; undefined when neither. */
export function memberSchema(schema: JsonSchema, name: string): JsonSchema | undefined {
	const node = resolveSchema(schema);
	const property = node.properties && Object.hasOwn(node.properties, name) ? node.properties[name] : undefined;
	if (property) return resolveSchema(property);
	return typeof node.additionalProperties === "object" ? resolveSchema(node.additionalProperties) : undefined;
}

/** Schema of a list's items, undefined for everything that is not a list. */
export function itemSchema(schema: JsonSchema): JsonSchema | undefined {
	const { items } = resolveSchema(schema);
	return items && resolveSchema(items);
}

/** How patches treat a list or map. */
export interface MergeInfo {
	/** Strategic merge patch: `merge`, `replace`, `retainKeys`; empty means replace for lists, merge for maps. */
	readonly patchStrategy: readonly string[];
	/** Key by which a strategic merge patch pairs list items. */
	readonly patchMergeKey: string | undefined;
	/** Server-side apply; lists default to `atomic`. */
	readonly listType: "atomic" | "set" | "map";
	readonly listMapKeys: readonly string[];
	readonly mapType: "granular" | "atomic";
}

/** Reads the patch annotations of a schema node. */
export function mergeInfo(schema: JsonSchema): MergeInfo {
	const node = resolveSchema(schema);
	const strategy = node["x-kubernetes-patch-strategy"];
	return {
		patchStrategy: typeof strategy === "string" ? strategy.split(",") : [],
		patchMergeKey: node["x-kubernetes-patch-merge-key"] as string | undefined,
		listType: (node["x-kubernetes-list-type"] as MergeInfo["listType"] | undefined) ?? "atomic",
		listMapKeys: (node["x-kubernetes-list-map-keys"] as string[] | undefined) ?? [],
		mapType: (node["x-kubernetes-map-type"] as MergeInfo["mapType"] | undefined) ?? "granular",
	};
}

/**
 * True when members that are not named are welcome: preserve-unknown-fields, free-form maps, and nodes without any type
 * (Kubernetes' JSON). A bare `type: object` is closed, as structural pruning has it.
 */
export function isOpen(schema: JsonSchema): boolean {
	if (schema["x-kubernetes-preserve-unknown-fields"] === true) return true;
	if (schema.additionalProperties === true) return true;
	return schema.type === undefined && !schema.properties && schema.additionalProperties === undefined;
}

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value inside another, with the schema that describes it. */
interface Described {
	readonly schema: JsonSchema;
	readonly value: unknown;
	readonly path: FieldPath;
}

/** The items or members of `value` that the (resolved) schema describes. */
export function* childrenOf(node: JsonSchema, value: unknown, path: FieldPath): Generator<Described> {
	if (Array.isArray(value)) {
		const { items } = node;
		if (items) for (const [i, item] of value.entries()) yield { schema: items, value: item, path: path.index(i) };
		return;
	}
	if (!isObject(value)) return;
	for (const [name, member] of Object.entries(value)) {
		const schema = memberSchema(node, name);
		if (schema) yield { schema, value: member, path: path.field(name) };
	}
}

/** The object in a member; an empty one when it is missing, so that rules can go on reading. */
export function objectIn(parent: object, name: string): JsonObject {
	const value = (parent as JsonObject)[name];
	return isObject(value) ? value : {};
}
