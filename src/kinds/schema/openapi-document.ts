import { formatApiVersion } from "../api-version.ts";
import { schemaOf } from "../catalogue.ts";
import type { JsonSchema, KindDefinition } from "../definition.ts";
import { builtInSchema } from "./built-in-schemas.ts";

const REF = "#/components/schemas/";
const META = "io.k8s.apimachinery.pkg.apis.meta.v1";

type Json = Record<string, unknown>;

/**
 * The OpenAPI v3 document of one group-version, with what clients read of it: operations that name their kind (kubectl
 * leaves validation to the server when `patch` has a `fieldValidation` parameter) and the closure of the schemas.
 */
export function openApiDocument(kinds: readonly KindDefinition[], group: string, version: string): Json {
	const served = kinds.filter((kind) => kind.group === group && kind.versions.includes(version));
	const schemas: Record<string, JsonSchema> = {};
	const paths: Json = {};
	for (const kind of served) {
		addSchema(schemaName(kind, version), kindSchema(kind, version), schemas);
		addSchema(`${schemaName(kind, version)}List`, listSchema(kind, version), schemas);
		Object.assign(paths, kindPaths(kind, version));
	}
	for (const name of ["Status", "DeleteOptions"])
		addSchema(`${META}.${name}`, builtInSchema(`${META}.${name}`), schemas);
	return {
		openapi: "3.0.0",
		info: { title: "Kubernetes", version: "v1.32.0" },
		paths,
		components: { schemas },
	};
}

/** Built-in kinds keep their published name; others are named by their reversed group. */
function schemaName(kind: KindDefinition, version: string): string {
	const { $ref } = schemaOf(kind, version);
	if ($ref !== undefined) return $ref;
	return `${kind.group.split(".").reverse().join(".")}.${version}.${kind.kind}`;
}

function kindSchema(kind: KindDefinition, version: string): JsonSchema {
	const schema = schemaOf(kind, version);
	if (schema.$ref !== undefined) return builtInSchema(schema.$ref);
	return { ...schema, "x-kubernetes-group-version-kind": [{ group: kind.group, kind: kind.kind, version }] };
}

function listSchema(kind: KindDefinition, version: string): JsonSchema {
	return {
		type: "object",
		required: ["items"],
		properties: {
			apiVersion: { type: "string" },
			kind: { type: "string" },
			metadata: { $ref: `${META}.ListMeta` },
			items: { type: "array", items: { $ref: schemaName(kind, version) } },
		},
		"x-kubernetes-group-version-kind": [{ group: kind.group, kind: kind.listKind, version }],
	};
}

/** Adds a schema under its name, and everything that it refers to. */
function addSchema(name: string, schema: JsonSchema, into: Record<string, JsonSchema>): void {
	if (into[name]) return;
	into[name] = schema; // holds the place while references are followed: schemas may be recursive
	into[name] = pointReferences(schema, into) as JsonSchema;
}

function pointReferences(value: unknown, into: Record<string, JsonSchema>, isPropertyMap = false): unknown {
	if (Array.isArray(value)) return value.map((item) => pointReferences(item, into));
	if (typeof value !== "object" || value === null) return value;
	const node = value as Json;
	if (!isPropertyMap && typeof node.$ref === "string") return pointReference(node as JsonSchema, into);
	return Object.fromEntries(
		Object.entries(node).map(([key, member]) => [
			key,
			!isPropertyMap && (key === "default" || key === "enum")
				? member
				: pointReferences(member, into, !isPropertyMap && key === "properties"),
		]),
	);
}

/** A reference with annotations beside it goes into `allOf`, as OpenAPI 3.0 demands. */
function pointReference({ $ref, ...own }: JsonSchema, into: Record<string, JsonSchema>): Json {
	if (!into[$ref!]) addSchema($ref!, builtInSchema($ref!), into);
	const pointer = { $ref: REF + $ref! };
	return Object.keys(own).length === 0 ? pointer : { ...own, allOf: [pointer] };
}

function kindPaths(kind: KindDefinition, version: string): Json {
	const prefix = `${kind.group === "" ? "/api" : "/apis"}/${formatApiVersion(kind.group, version)}`;
	const collection = kind.namespaced ? `${prefix}/namespaces/{namespace}/${kind.plural}` : `${prefix}/${kind.plural}`;
	const operation = operationOf(kind, version);
	const paths: Json = {
		[collection]: { get: operation("list"), post: operation("post"), parameters: pathParameters(kind, false) },
		[`${collection}/{name}`]: {
			get: operation("get"),
			put: operation("put"),
			patch: operation("patch"),
			delete: operation("delete"),
			parameters: pathParameters(kind, true),
		},
	};
	return paths;
}

const WRITE_PARAMETERS = ["dryRun", "fieldManager", "fieldValidation"].map((name) => ({
	name,
	in: "query",
	schema: { type: "string", uniqueItems: true },
}));

function operationOf(kind: KindDefinition, version: string): (action: string) => Json {
	return (action) => ({
		operationId: `${action}${kind.kind}${version}`,
		...(["post", "put", "patch"].includes(action) ? { parameters: WRITE_PARAMETERS } : {}),
		responses: { 200: { description: "OK" } },
		"x-kubernetes-action": action,
		"x-kubernetes-group-version-kind": { group: kind.group, kind: kind.kind, version },
	});
}

function pathParameters(kind: KindDefinition, named: boolean): Json[] {
	const names = [...(kind.namespaced ? ["namespace"] : []), ...(named ? ["name"] : [])];
	return names.map((name) => ({ name, in: "path", required: true, schema: { type: "string", uniqueItems: true } }));
}
