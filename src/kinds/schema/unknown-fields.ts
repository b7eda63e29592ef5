import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import type { JsonSchema } from "../definition.ts";
import { builtInSchema, resolveSchema } from "./built-in-schemas.ts";
import { childrenOf, isObject, isOpen, type JsonObject } from "./schema-path.ts";

type Visit = (parent: JsonObject, name: string, path: FieldPath) => void;

/** Paths of members that the schema does not know, in document order: `spec.containers[0].foo`. */
export function findUnknownFields(schema: JsonSchema, object: unknown): string[] {
	const found: string[] = [];
	walk(schema, object, fieldPath(), (_parent, _name, path) => found.push(path.toString()));
	return found;
}

/** Removes them in place and says which they were. */
export function pruneUnknown(schema: JsonSchema, object: unknown): string[] {
	const found: string[] = [];
	walk(schema, object, fieldPath(), (parent, name, path) => {
		delete parent[name];
		found.push(path.toString());
	});
	return found;
}

function walk(schema: JsonSchema, value: unknown, path: FieldPath, onUnknown: Visit): void {
	const node = resolveSchema(schema);
	if (Array.isArray(value)) {
		for (const child of childrenOf(node, value, path)) walk(child.schema, child.value, child.path, onUnknown);
	} else if (isObject(value)) {
		walkObject(node, value, path, onUnknown);
	}
}

function walkObject(node: JsonSchema, object: JsonObject, path: FieldPath, onUnknown: Visit): void {
	const properties = propertiesOf(node);
	const isEmbedded = node["x-kubernetes-embedded-resource"] === true;
	for (const name of Object.keys(object)) {
		const at = path.field(name);
		const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
		if (property) walk(property, object[name], at, onUnknown);
		else if (isEmbedded && EMBEDDED[name]) walk(EMBEDDED[name](), object[name], at, onUnknown);
		else if (typeof node.additionalProperties === "object")
			walk(node.additionalProperties, object[name], at, onUnknown);
		else if (!isOpen(node)) onUnknown(object, name, at);
	}
}

/** apiVersion, kind and metadata are known in every embedded object. */
const EMBEDDED: Readonly<Record<string, () => JsonSchema>> = {
	apiVersion: () => ({ type: "string" }),
	kind: () => ({ type: "string" }),
	metadata: () => builtInSchema("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"),
};

const NONE: Readonly<Record<string, JsonSchema>> = {};

function propertiesOf(node: JsonSchema): Readonly<Record<string, JsonSchema>> {
	return node.properties ?? NONE;
}
