import type { FieldError } from "../../../kinds/definition.ts";
import { duplicate, forbidden, invalid, notSupported, required } from "../../../kinds/field-error.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import { checkStructural, hasCelRules, schemaPath } from "./structural-schema.ts";

interface CrdSpec {
	readonly group?: string;
	readonly scope?: string;
	readonly names?: { readonly plural?: string; readonly kind?: string; readonly singular?: string };
	readonly versions?: readonly CrdVersion[];
	readonly conversion?: { readonly strategy?: string };
}

interface CrdVersion {
	readonly name?: string;
	readonly storage?: boolean;
	readonly schema?: { readonly openAPIV3Schema?: unknown };
}

const LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/;

/** What is wrong with a CustomResourceDefinition beyond its schema; `old` on update. */
export function validateCrd(crd: KubeObject, old: KubeObject | undefined): FieldError[] {
	const spec = (crd.spec ?? {}) as CrdSpec;
	return [
		...checkNames(crd, spec),
		...checkVersions(spec.versions ?? []),
		...checkConversion(spec),
		...(old ? checkImmutable(spec, (old.spec ?? {}) as CrdSpec) : []),
	];
}

/** Held until the custom resources of a CRD are deleted. */
export const CRD_CLEANUP = "customresourcecleanup.apiextensions.k8s.io";

/** Fills in place what apiextensions fills: names, the conversion strategy and, on a new CRD, the clean-up finalizer. */
export function applyCrdDefaults(crd: KubeObject, old: KubeObject | undefined): void {
	const spec = crd.spec as { names?: Record<string, unknown>; conversion?: { strategy?: string } } | undefined;
	const kind = spec?.names?.kind;
	if (spec?.names && typeof kind === "string") {
		spec.names.singular ||= kind.toLowerCase();
		spec.names.listKind ||= `${kind}List`;
	}
	if (spec) spec.conversion ??= { strategy: "None" };
	const { finalizers = [] } = crd.metadata;
	if (!old && !finalizers.includes(CRD_CLEANUP)) crd.metadata.finalizers = [...finalizers, CRD_CLEANUP];
}

/** Parts that are kept but not obeyed yet, named. */
export function warnOfCrd(crd: KubeObject): string[] {
	const { versions = [] } = (crd.spec ?? {}) as CrdSpec;
	if (!versions.some(({ schema }) => hasCelRules(schema?.openAPIV3Schema))) return [];
	return [
		`${crd.metadata.name}: x-kubernetes-validations (CEL rules) are kept but not evaluated by this server yet; the rest of the schema is`,
	];
}

function checkNames(crd: KubeObject, { group = "", scope = "", names = {} }: CrdSpec): FieldError[] {
	const errors: FieldError[] = [];
	const { plural = "", kind = "" } = names;
	if (group === "") errors.push(required("spec.group"));
	else if (!SUBDOMAIN.test(group))
		errors.push(invalid("spec.group", group, "should be a domain with at least one dot"));
	if (scope === "") errors.push(required("spec.scope"));
	else if (scope !== "Cluster" && scope !== "Namespaced")
		errors.push(notSupported("spec.scope", scope, ["Cluster", "Namespaced"]));
	if (plural === "") errors.push(required("spec.names.plural"));
	else if (!LABEL.test(plural)) errors.push(invalid("spec.names.plural", plural, LABEL_RULE));
	if (kind === "") errors.push(required("spec.names.kind"));
	else if (!LABEL.test(kind.toLowerCase()))
		errors.push(invalid("spec.names.kind", kind, `may have mixed case, but should otherwise match: ${LABEL_RULE}`));
	const wanted = `${plural}.${group}`;
	if (crd.metadata.name !== wanted)
		errors.push(invalid("metadata.name", crd.metadata.name ?? "", 'must be spec.names.plural+"."+spec.group'));
	return errors;
}

const LABEL_RULE =
	"a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

function checkVersions(versions: readonly CrdVersion[]): FieldError[] {
	const errors: FieldError[] = [];
	const seen = new Set<string>();
	versions.forEach(({ name = "", schema }, i) => {
		const path = `spec.versions[${i}].name`;
		if (!LABEL.test(name)) errors.push(invalid(path, name, LABEL_RULE));
		if (seen.has(name)) errors.push(duplicate(path, name));
		seen.add(name);
		errors.push(...checkStructural(schema?.openAPIV3Schema, schemaPath(i)));
	});
	const names = versions.map(({ name }) => name);
	if (versions.length === 0) errors.push(required("spec.versions"));
	else if (versions.filter(({ storage }) => storage).length !== 1)
		errors.push(invalid("spec.versions", names, "must have exactly one version marked as storage version"));
	return errors;
}

function checkConversion({ conversion }: CrdSpec): FieldError[] {
	const strategy = conversion?.strategy ?? "None";
	if (strategy === "None") return [];
	if (strategy !== "Webhook") return [notSupported("spec.conversion.strategy", strategy, ["None", "Webhook"])];
	return [forbidden("spec.conversion.strategy", "conversion webhooks are not supported by this server yet: use None")];
}

function checkImmutable(spec: CrdSpec, old: CrdSpec): FieldError[] {
	const errors: FieldError[] = [];
	const check = (path: string, now: string | undefined, before: string | undefined) => {
		if (now !== before) errors.push(invalid(path, now ?? "", "field is immutable"));
	};
	check("spec.group", spec.group, old.group);
	check("spec.scope", spec.scope, old.scope);
	check("spec.names.plural", spec.names?.plural, old.names?.plural);
	check("spec.names.kind", spec.names?.kind, old.names?.kind);
	return errors;
}
