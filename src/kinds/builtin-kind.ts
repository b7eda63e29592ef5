import type { Column, KindDefinition, Subresource } from "./definition.ts";
import discovery from "./generated/discovery.json" with { type: "json" };
import { builtInSchemaName } from "./schema/built-in-schemas.ts";
import { AGE, NAME } from "./table/columns.ts";

interface Discovered {
	readonly group: string;
	readonly version: string;
	readonly plural: string;
	readonly singular: string;
	readonly kind: string;
	readonly namespaced: boolean;
	readonly verbs: readonly string[];
	readonly shortNames: readonly string[];
	readonly categories: readonly string[];
	readonly subresources: readonly Subresource[];
}

const resources = discovery as unknown as readonly Discovered[];

/** What a kind adds to the names and the schema that Kubernetes publishes for it. */
export interface BuiltinKind {
	readonly group: string;
	readonly kind: string;
	/** Preferred first. */
	readonly versions?: readonly string[];
	readonly storageVersion?: string;
	/** Without `Name`, which every table begins with. Default: Age. */
	readonly columns?: readonly Column[];
	/** Replaces `Name` as first column; null when the kind's own columns hold it elsewhere. */
	readonly nameColumn?: Column | null;
	readonly fields?: KindDefinition["fields"];
	readonly scale?: KindDefinition["subresources"]["scale"];
	readonly hasGeneration?: boolean;
	readonly nameFormat?: KindDefinition["nameFormat"];
	readonly applyDefaults?: KindDefinition["applyDefaults"];
	readonly validate?: KindDefinition["validate"];
	readonly convert?: KindDefinition["convert"];
	readonly aliasOf?: KindDefinition["aliasOf"];
}

/** A kind of Kubernetes' own: names, verbs, subresources and schema come from the published documents. */
export function builtinKind(own: BuiltinKind): KindDefinition {
	const versions = own.versions ?? ["v1"];
	const found = resources.find((r) => r.group === own.group && r.kind === own.kind && r.version === versions[0]);
	if (!found) throw new Error(`Kubernetes has no resource for ${own.kind} in ${own.group}/${versions[0]}`);
	const details = found.subresources;
	return {
		group: own.group,
		versions,
		storageVersion: own.storageVersion ?? versions[0]!,
		kind: own.kind,
		listKind: `${own.kind}List`,
		plural: found.plural,
		singular: found.singular,
		shortNames: found.shortNames,
		categories: found.categories,
		namespaced: found.namespaced,
		origin: "builtin",
		verbs: found.verbs,
		subresources: {
			status: details.some(({ name }) => name === "status"),
			scale: own.scale,
			others: details.map(({ name }) => name).filter((name) => name !== "status" && name !== "scale"),
			details,
		},
		schema: schemaReference(own.group, versions[0]!, own.kind),
		schemaByVersion: Object.fromEntries(versions.map((v) => [v, schemaReference(own.group, v, own.kind)])),
		columns: [...(own.nameColumn === null ? [] : [own.nameColumn ?? NAME]), ...(own.columns ?? [AGE])],
		fields: own.fields,
		hasGeneration: own.hasGeneration ?? false,
		nameFormat: own.nameFormat ?? "subdomain",
		applyDefaults: own.applyDefaults,
		validate: own.validate,
		convert: own.convert,
		aliasOf: own.aliasOf,
	};
}

function schemaReference(group: string, version: string, kind: string): { $ref: string } {
	const name = builtInSchemaName(group, version, kind);
	if (name === undefined) throw new Error(`Kubernetes publishes no schema for ${kind} in ${group}/${version}`);
	return { $ref: name };
}
