import type { Column, JsonSchema, KindDefinition } from "../definition.ts";
import type { KubeObject } from "../object.ts";
import { NAME } from "../table/columns.ts";
import { compileJsonPath } from "../table/json-path.ts";
import { AGE_COLUMN, columnOf, type PrinterColumn } from "../table/printer-column.ts";

interface CrdVersion {
	readonly name: string;
	readonly served: boolean;
	readonly storage: boolean;
	readonly deprecated?: boolean;
	readonly deprecationWarning?: string;
	readonly schema?: { readonly openAPIV3Schema?: JsonSchema };
	readonly subresources?: {
		readonly status?: object;
		readonly scale?: {
			readonly specReplicasPath: string;
			readonly statusReplicasPath: string;
			readonly labelSelectorPath?: string;
		};
	};
	readonly additionalPrinterColumns?: readonly PrinterColumn[];
	readonly selectableFields?: readonly { readonly jsonPath: string }[];
}

interface CrdSpec {
	readonly group: string;
	readonly scope: string;
	readonly names: {
		readonly plural: string;
		readonly kind: string;
		readonly singular?: string;
		readonly listKind?: string;
		readonly shortNames?: readonly string[];
		readonly categories?: readonly string[];
	};
	readonly versions: readonly CrdVersion[];
}

/**
 * The kind that a (valid, defaulted) CustomResourceDefinition describes; undefined when it serves no version. Columns and
 * subresources are those of the preferred version. Semantic rules of Istio kinds are an admission step (`validateIstio`).
 */
export function kindOfCrd(crd: KubeObject): KindDefinition | undefined {
	const spec = crd.spec as CrdSpec;
	const served = sortVersions(spec.versions.filter((version) => version.served));
	const preferred = served[0];
	if (!preferred) return undefined;
	const { names } = spec;
	const schemas = Object.fromEntries(served.map((version) => [version.name, wholeSchema(version)]));
	return {
		group: spec.group,
		versions: served.map(({ name }) => name),
		storageVersion: spec.versions.find(({ storage }) => storage)?.name ?? preferred.name,
		kind: names.kind,
		listKind: names.listKind ?? `${names.kind}List`,
		plural: names.plural,
		singular: names.singular || names.kind.toLowerCase(),
		shortNames: names.shortNames ?? [],
		categories: names.categories ?? [],
		namespaced: spec.scope === "Namespaced",
		origin: "custom",
		verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
		subresources: subresourcesOf(preferred),
		schema: schemas[preferred.name]!,
		schemaByVersion: schemas,
		columns: columnsOf(preferred),
		columnsByVersion: Object.fromEntries(served.map((version) => [version.name, columnsOf(version)])),
		deprecations: deprecationsOf(spec, served),
		fields: selectableFields(preferred),
		hasGeneration: true,
		nameFormat: "subdomain",
	};
}

/** Columns of one version (`additionalPrinterColumns`), Name first; Age alone when none are declared. */
function columnsOf(version: CrdVersion): Column[] {
	return [NAME, ...(version.additionalPrinterColumns ?? [AGE_COLUMN]).map(columnOf)];
}

/** The warning of each deprecated version: its own, else one that names the best version to use instead. */
function deprecationsOf({ group, names }: CrdSpec, served: readonly CrdVersion[]): Record<string, string> {
	const deprecated = served.filter((version) => version.deprecated);
	const texts = deprecated.map((version) => {
		const better = served.find((other) => !other.deprecated && compareVersions(other.name, version.name) < 0);
		const instead = better ? `; use ${group}/${better.name} ${names.kind}` : "";
		const text = `${group}/${version.name} ${names.kind} is deprecated${instead}`;
		return [version.name, version.deprecationWarning ?? text] as const;
	});
	return Object.fromEntries(texts);
}

function subresourcesOf({ subresources }: CrdVersion): KindDefinition["subresources"] {
	const scale = subresources?.scale;
	return {
		status: subresources?.status !== undefined,
		...(scale
			? {
					scale: {
						specReplicas: scale.specReplicasPath,
						statusReplicas: scale.statusReplicasPath,
						selector: scale.labelSelectorPath ?? "",
					},
				}
			: {}),
	};
}

/** Adds what every object has to the CRD's schema. */
function wholeSchema(version: CrdVersion): JsonSchema {
	const own = version.schema?.openAPIV3Schema ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true };
	return {
		...own,
		properties: {
			apiVersion: { type: "string" },
			kind: { type: "string" },
			...own.properties,
			metadata: { $ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" },
		},
	};
}

function selectableFields(version: CrdVersion): KindDefinition["fields"] {
	const entries = (version.selectableFields ?? []).map(({ jsonPath }) => {
		const path = compileJsonPath(jsonPath);
		const get = (object: KubeObject) => {
			const value = path(object)[0];
			return value === undefined || value === null ? "" : String(value);
		};
		return [jsonPath.replace(/^\./, ""), get] as const;
	});
	return Object.fromEntries(entries);
}

/** Kubernetes' order of preference: GA before beta before alpha, higher numbers first, other names last by alphabet. */
function sortVersions(versions: readonly CrdVersion[]): CrdVersion[] {
	return [...versions].sort((a, b) => compareVersions(a.name, b.name));
}

function compareVersions(a: string, b: string): number {
	const x = versionRank(a);
	const y = versionRank(b);
	if (x && y) return x.map((part, i) => y[i]! - part).find((difference) => difference !== 0) ?? 0;
	if (x || y) return x ? -1 : 1;
	return a < b ? -1 : 1;
}

/** `[stability, major, minor]`, higher is preferred. */
function versionRank(name: string): readonly number[] | undefined {
	const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(name);
	if (!match) return undefined;
	const stability = match[2] === undefined ? 2 : match[2] === "beta" ? 1 : 0;
	return [stability, Number(match[1]), Number(match[3] ?? 0)];
}
