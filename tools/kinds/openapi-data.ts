import { readSource, SERVED } from "./sources.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

const PROSE = new Set(["description", "example", "externalDocs", "title"]);

/** Removes Kubernetes' prose from a schema; a property that happens to be called `description` stays. */
function withoutProse(value: Json, isPropertyMap = false): Json {
	if (Array.isArray(value)) return value.map((item) => withoutProse(item));
	if (value === null || typeof value !== "object") return value;
	const out: JsonObject = {};
	for (const [key, member] of Object.entries(value)) {
		if (isPropertyMap) out[key] = withoutProse(member);
		else if (!PROSE.has(key)) out[key] = trimmedKeyword(key, member);
	}
	return collapseAllOf(out);
}

function trimmedKeyword(key: string, member: Json): Json {
	if (key === "$ref") return (member as string).slice("#/components/schemas/".length);
	if (key === "default" || key === "enum") return member;
	return withoutProse(member, key === "properties");
}

/** `{allOf: [{$ref}], default}` → `{$ref, default}`: a single branch says nothing more, and half the bytes are this. */
function collapseAllOf(schema: JsonObject): JsonObject {
	const { allOf } = schema;
	if (!Array.isArray(allOf) || allOf.length !== 1) return schema;
	const { allOf: _, ...rest } = schema;
	return { ...(allOf[0] as JsonObject), ...rest };
}

function openApiFile(group: string, version: string): string {
	const path = group === "" ? `api__${version}` : `apis__${group}__${version}`;
	return `api/openapi-spec/v3/${path}_openapi.json`;
}

/** Narrow a definition's GVK list to served versions (DeleteOptions and WatchEvent are listed for every group). */
function servedGvks(list: Json): Json {
	return (list as { group: string; version: string; kind: string }[]).filter(({ group, version }) =>
		SERVED.some(([g, v]) => g === group && v === version),
	);
}

/** Published as a bare `type: object` though they hold any JSON. */
const FREE_FORM = new Set([
	"io.k8s.apimachinery.pkg.runtime.RawExtension",
	"io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
	"io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
]);

/** Definition name → schema for every served group-version, `$ref`s reduced to the bare name. */
export function schemaDefinitions(): JsonObject {
	const out: JsonObject = {};
	for (const [group, version] of SERVED) {
		const document = JSON.parse(readSource("kubernetes", openApiFile(group, version)));
		for (const [name, schema] of Object.entries(document.components.schemas as JsonObject)) {
			const trimmed = withoutProse(schema) as JsonObject;
			const gvks = trimmed["x-kubernetes-group-version-kind"];
			if (gvks !== undefined) trimmed["x-kubernetes-group-version-kind"] = servedGvks(gvks);
			if (FREE_FORM.has(name)) trimmed["x-kubernetes-preserve-unknown-fields"] = true;
			out[name] = trimmed;
		}
	}
	return Object.fromEntries(Object.entries(out).sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface DiscoveryResource {
	resource: string;
	responseKind: { group: string; version: string; kind: string };
	scope: string;
	singularResource: string;
	verbs: string[];
	shortNames?: string[];
	categories?: string[];
	subresources?: { subresource: string; responseKind: object; verbs: string[] }[];
}

/** What discovery says about every resource of the served group-versions. */
export function discoveryResources(): Json {
	const core = JSON.parse(readSource("kubernetes", "api/discovery/api__v1.json"));
	const aggregated = JSON.parse(readSource("kubernetes", "api/discovery/aggregated_v2.json"));
	const out: Json[] = [...coreResources(core)];
	for (const item of aggregated.items) {
		for (const { version, resources } of item.versions as { version: string; resources: DiscoveryResource[] }[]) {
			const group: string = item.metadata.name;
			if (!SERVED.some(([g, v]) => g === group && v === version)) continue;
			for (const r of resources) {
				out.push({
					group,
					version,
					plural: r.resource,
					singular: r.singularResource,
					kind: r.responseKind.kind,
					namespaced: r.scope === "Namespaced",
					verbs: [...r.verbs].sort(),
					shortNames: r.shortNames ?? [],
					categories: r.categories ?? [],
					subresources: (r.subresources ?? []).map((s) => ({
						name: s.subresource,
						responseKind: s.responseKind as unknown as Json,
						verbs: [...s.verbs].sort(),
					})),
				});
			}
		}
	}
	return out;
}

interface LegacyResource {
	name: string;
	singularName: string;
	namespaced: boolean;
	kind: string;
	group?: string;
	version?: string;
	verbs: string[];
	shortNames?: string[];
	categories?: string[];
}

/** The core group is only in the older discovery document, where subresources stand beside their resource. */
function coreResources(document: { resources: LegacyResource[] }): Json[] {
	return document.resources
		.filter(({ name }) => !name.includes("/"))
		.map((r) => ({
			group: "",
			version: "v1",
			plural: r.name,
			singular: r.singularName,
			kind: r.kind,
			namespaced: r.namespaced,
			verbs: [...r.verbs].sort(),
			shortNames: r.shortNames ?? [],
			categories: r.categories ?? [],
			subresources: document.resources
				.filter(({ name }) => name.startsWith(`${r.name}/`))
				.map((s) => ({
					name: s.name.slice(r.name.length + 1),
					responseKind: { group: s.group ?? "", version: s.version ?? "v1", kind: s.kind },
					verbs: [...s.verbs].sort(),
				})),
		}));
}
