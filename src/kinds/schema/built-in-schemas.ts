import type { JsonSchema } from "../definition.ts";
import definitions from "../generated/schemas.json" with { type: "json" };

const schemas = definitions as unknown as Readonly<Record<string, JsonSchema>>;

let namesByGvk: Map<string, string> | undefined;

interface Gvk {
	readonly group: string;
	readonly version: string;
	readonly kind: string;
}

/** Definition by name (`io.k8s.api.core.v1.Pod`); throws when Kubernetes has none (a bug, not a user's doing). */
export function builtInSchema(name: string): JsonSchema {
	const schema = schemas[name];
	if (!schema) throw new Error(`no built-in schema ${name}`);
	return schema;
}

/** Name of the definition of a built-in kind, or undefined. */
export function builtInSchemaName(group: string, version: string, kind: string): string | undefined {
	namesByGvk ??= indexByGvk();
	return namesByGvk.get(`${group}/${version}/${kind}`);
}

function indexByGvk(): Map<string, string> {
	const index = new Map<string, string>();
	for (const [name, schema] of Object.entries(schemas)) {
		for (const gvk of (schema["x-kubernetes-group-version-kind"] ?? []) as Gvk[])
			index.set(`${gvk.group}/${gvk.version}/${gvk.kind}`, name);
	}
	return index;
}

/** The schema itself when it is no reference; else the definition with the reference's own annotations over it. */
export function resolveSchema(schema: JsonSchema): JsonSchema {
	if (schema.$ref === undefined) return schema;
	const known = resolved.get(schema);
	if (known) return known;
	const { $ref, ...own } = schema;
	const target = resolveSchema(builtInSchema($ref));
	const merged = Object.keys(own).length === 0 ? target : { ...target, ...own };
	resolved.set(schema, merged);
	return merged;
}

const resolved = new WeakMap<JsonSchema, JsonSchema>();
