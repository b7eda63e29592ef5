import { type FieldPath, fieldPath } from "../lib/field-path.ts";
import type { FieldError, KindDefinition } from "./definition.ts";
import { forbidden, invalid, required, tooLong } from "./field-error.ts";
import { labelRule, labelValueRule, nameRuleOf, qualifiedNameRule } from "./name-rules.ts";
import type { KubeObject, ObjectMeta, OwnerReference } from "./object.ts";

const MAX_ANNOTATIONS_BYTES = 262_144;

/** Rules of `metadata` that every kind shares (apimachinery's ValidateObjectMeta and its update). */
export function validateMetadata(kind: KindDefinition, object: KubeObject, old?: KubeObject): FieldError[] {
	const path = fieldPath("metadata");
	const { metadata } = object;
	return [
		...validateName(kind, metadata, path),
		...validateNamespace(kind, metadata, path),
		...validateLabels(metadata.labels, path.field("labels")),
		...validateAnnotations(metadata.annotations, path.field("annotations")),
		...validateOwners(metadata.ownerReferences ?? [], path.field("ownerReferences")),
		...validateFinalizers(metadata.finalizers ?? [], path.field("finalizers")),
		...(old ? validateUpdate(metadata, old.metadata, path) : []),
	];
}

function validateName(kind: KindDefinition, metadata: ObjectMeta, path: FieldPath): FieldError[] {
	const rule = nameRuleOf(kind.nameFormat);
	const errors: FieldError[] = [];
	const { name, generateName } = metadata;
	if (generateName) {
		const tried = generateName.endsWith("-") ? `${generateName.slice(0, -1)}a` : generateName;
		for (const detail of rule(tried)) errors.push(invalid(path.field("generateName"), generateName, detail));
	}
	if (!name) errors.push(required(path.field("name"), "name or generateName is required"));
	else for (const detail of rule(name)) errors.push(invalid(path.field("name"), name, detail));
	return errors;
}

function validateNamespace(kind: KindDefinition, metadata: ObjectMeta, path: FieldPath): FieldError[] {
	const at = path.field("namespace");
	const { namespace } = metadata;
	if (!kind.namespaced) return namespace ? [forbidden(at, "not allowed on this type")] : [];
	if (!namespace) return [required(at)];
	return labelRule(namespace).map((detail) => invalid(at, namespace, detail));
}

/** Keys and values of a label map; also used for selectors and pod templates. */
export function validateLabels(labels: Readonly<Record<string, string>> | undefined, path: FieldPath): FieldError[] {
	return Object.entries(labels ?? {}).flatMap(([key, value]) => [
		...qualifiedNameRule(key).map((detail) => invalid(path, key, detail)),
		...labelValueRule(value).map((detail) => invalid(path, value, detail)),
	]);
}

function validateAnnotations(annotations: Readonly<Record<string, string>> | undefined, path: FieldPath): FieldError[] {
	const errors: FieldError[] = [];
	let size = 0;
	for (const [key, value] of Object.entries(annotations ?? {})) {
		for (const detail of qualifiedNameRule(key.toLowerCase())) errors.push(invalid(path, key, detail));
		size += utf8Length(key) + utf8Length(value);
	}
	if (size > MAX_ANNOTATIONS_BYTES) errors.push(tooLong(path, MAX_ANNOTATIONS_BYTES));
	return errors;
}

function utf8Length(text: string): number {
	return new TextEncoder().encode(text).length;
}

function validateOwners(owners: readonly OwnerReference[], path: FieldPath): FieldError[] {
	const errors: FieldError[] = [];
	for (const [i, owner] of owners.entries()) {
		const at = path.index(i);
		if (!owner.apiVersion) errors.push(invalid(at.field("apiVersion"), "", "version must not be empty"));
		if (!owner.kind) errors.push(invalid(at.field("kind"), "", "must not be empty"));
		if (!owner.name) errors.push(invalid(at.field("name"), "", "must not be empty"));
		if (!owner.uid) errors.push(invalid(at.field("uid"), "", "must not be empty"));
	}
	const controllers = owners.filter(({ controller }) => controller === true);
	if (controllers.length > 1) {
		const [first, second] = controllers as [OwnerReference, OwnerReference];
		const detail = `Only one reference can have Controller set to true. Found "true" in references for ${first.kind}/${first.name} and ${second.kind}/${second.name}`;
		errors.push(invalid(path, owners, detail));
	}
	return errors;
}

function validateFinalizers(finalizers: readonly string[], path: FieldPath): FieldError[] {
	return finalizers.flatMap((finalizer, i) => {
		const details = qualifiedNameRule(finalizer);
		return details.map((detail) => invalid(path.index(i), finalizer, detail));
	});
}

const IMMUTABLE = [
	"name",
	"namespace",
	"uid",
	"creationTimestamp",
	"deletionTimestamp",
	"deletionGracePeriodSeconds",
] as const;

function validateUpdate(metadata: ObjectMeta, old: ObjectMeta, path: FieldPath): FieldError[] {
	const errors: FieldError[] = [];
	for (const name of IMMUTABLE) {
		if ((metadata[name] ?? null) !== (old[name] ?? null))
			errors.push(invalid(path.field(name), metadata[name] ?? "", "field is immutable"));
	}
	if (old.deletionTimestamp) {
		const added = (metadata.finalizers ?? []).filter((f) => !(old.finalizers ?? []).includes(f));
		if (added.length > 0) {
			const detail = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((f) => JSON.stringify(f)).join(", ")}}`;
			errors.push(forbidden(path.field("finalizers"), detail));
		}
	}
	return errors;
}
