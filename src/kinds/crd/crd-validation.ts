import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import { checkEnum, checkImmutable, checkName, checkUnique } from "../core/field-rules.ts";
import { objectsIn } from "../core/pod-defaults.ts";
import type { FieldError } from "../definition.ts";
import { invalid, required } from "../field-error.ts";
import { label1035Rule, subdomainRule } from "../name-rules.ts";
import type { KubeObject } from "../object.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { compileJsonPath } from "../table/json-path.ts";
import { validateStructure } from "./structural-schema.ts";

/** Rules of a CustomResourceDefinition (apiextensions-apiserver, ValidateCustomResourceDefinition). */
export function validateCrd(crd: KubeObject, old: KubeObject | undefined): FieldError[] {
	const path = fieldPath("spec");
	const spec = objectIn(crd, "spec");
	const names = objectIn(spec, "names");
	const errors = [
		...checkName(spec.group, subdomainRule, path.field("group")),
		...checkEnum(spec.scope, ["Cluster", "Namespaced"], path.field("scope")),
		...validateNames(names, path.field("names")),
		...validateVersions(objectsIn(spec, "versions"), path.field("versions")),
	];
	const wanted = `${names.plural}.${spec.group}`;
	if (crd.metadata.name !== wanted)
		errors.push(
			invalid(fieldPath("metadata").field("name"), crd.metadata.name, `must be spec.names.plural+"."+spec.group`),
		);
	const strategy = objectIn(spec, "conversion").strategy;
	if (strategy === "Webhook")
		errors.push(
			invalid(path.field("conversion").field("strategy"), strategy, "webhook conversion is not supported by Lateen"),
		);
	else errors.push(...checkEnum(strategy, ["None"], path.field("conversion").field("strategy")));
	return old ? [...errors, ...validateUpdate(spec, objectIn(old, "spec"), path)] : errors;
}

function validateNames(names: JsonObject, path: FieldPath): FieldError[] {
	const rules = ["plural", "singular"].flatMap((name) => checkName(names[name], label1035Rule, path.field(name)));
	const kinds = ["kind", "listKind"].flatMap((name) =>
		typeof names[name] === "string" && names[name] !== ""
			? label1035Rule((names[name] as string).toLowerCase()).map((detail) =>
					invalid(path.field(name), names[name], `may have mixed case, but should otherwise match: ${detail}`),
				)
			: [required(path.field(name))],
	);
	if (names.kind !== undefined && names.kind === names.listKind)
		kinds.push(invalid(path.field("listKind"), names.listKind, "kind and listKind may not be the same"));
	return [...rules, ...kinds];
}

function validateVersions(versions: readonly JsonObject[], path: FieldPath): FieldError[] {
	const stored = versions.filter(({ storage }) => storage === true);
	const errors = versions.flatMap((version, i) => validateVersion(version, path.index(i)));
	errors.push(...checkUnique(versions.map(({ name }, i) => [name, path.index(i).field("name")])));
	if (stored.length !== 1)
		errors.push(
			invalid(
				path,
				versions.map(({ name }) => name),
				"must have exactly one version marked as storage version",
			),
		);
	return errors;
}

function validateVersion(version: JsonObject, path: FieldPath): FieldError[] {
	const errors = checkName(version.name, label1035Rule, path.field("name"));
	const at = path.field("schema").field("openAPIV3Schema");
	const schema = objectIn(version, "schema").openAPIV3Schema;
	if (isObject(schema)) errors.push(...validateStructure(schema, at));
	else errors.push(required(at, "schemas are required"));
	for (const [i, column] of objectsIn(version, "additionalPrinterColumns").entries())
		errors.push(...validateColumn(column, path.field("additionalPrinterColumns").index(i)));
	return errors;
}

function validateColumn(column: JsonObject, path: FieldPath): FieldError[] {
	const errors: FieldError[] = [];
	if (!column.name) errors.push(required(path.field("name")));
	const types = ["integer", "number", "string", "boolean", "date"];
	errors.push(...(column.type ? checkEnum(column.type, types, path.field("type")) : [required(path.field("type"))]));
	if (typeof column.jsonPath !== "string") return [...errors, required(path.field("jsonPath"))];
	try {
		compileJsonPath(column.jsonPath);
	} catch (error) {
		errors.push(
			invalid(path.field("jsonPath"), column.jsonPath, error instanceof Error ? error.message : String(error)),
		);
	}
	return errors;
}

function validateUpdate(spec: JsonObject, old: JsonObject, path: FieldPath): FieldError[] {
	const names = objectIn(spec, "names");
	const oldNames = objectIn(old, "names");
	return [
		...["group", "scope"].flatMap((name) => checkImmutable(spec[name], old[name], path.field(name))),
		...["kind", "plural"].flatMap((name) =>
			checkImmutable(names[name], oldNames[name], path.field("names").field(name)),
		),
	];
}
