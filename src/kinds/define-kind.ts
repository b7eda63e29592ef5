import type { Problem } from "../lib/problem.ts";
import type { FieldError, JsonSchema, KindDefinition } from "./definition.ts";
import type { KubeObject, ObjectMeta } from "./object.ts";
import type { Field, ValueOf } from "./schema-builder.ts";
import { NAME } from "./table/columns.ts";
import { AGE_COLUMN, columnOf, type PrinterColumn } from "./table/printer-column.ts";

/** What a semantic check finds; errors refuse the object, warnings do not. */
export interface Findings {
	readonly errors: readonly Problem[];
	readonly warnings: readonly Problem[];
}

/** What a semantic check may know besides the spec. */
export interface CheckContext {
	readonly metadata: ObjectMeta;
	/** Refuse what Istio refuses, also where Lateen has decided to be kinder. */
	readonly strict: boolean;
}

/** A kind served through a CustomResourceDefinition. */
export interface CustomKind<Spec = unknown> extends KindDefinition {
	readonly origin: "custom";
	readonly printerColumns: readonly PrinterColumn[];
	readonly doc: string;
	/** Checks what the schema cannot say. The object must fit the schema. */
	check(object: KubeObject, strict: boolean): Findings;
	/** Never set; carries the type of `spec`. */
	readonly specType?: Spec;
}

interface Definition<Spec extends Field<unknown, boolean>> {
	readonly group: string;
	/** Preferred first. */
	readonly versions: readonly string[];
	readonly kind: string;
	readonly plural: string;
	readonly shortNames?: readonly string[];
	readonly categories: readonly string[];
	readonly doc: string;
	readonly spec: Spec;
	/** Shown besides Name; Age is added at the end unless the list names it. */
	readonly columns?: readonly PrinterColumn[];
	check?(spec: ValueOf<Spec>, context: CheckContext): Findings;
}

const STATUS: JsonSchema = {
	type: "object",
	description: "What controllers found out about the object.",
	"x-kubernetes-preserve-unknown-fields": true,
};

/** Defines a namespaced custom kind with a status subresource; schema, columns, CRD and types follow from it. */
export function defineKind<const Spec extends Field<unknown, boolean>>(
	own: Definition<Spec>,
): CustomKind<ValueOf<Spec>> {
	const columns = own.columns?.some(({ name }) => name === AGE_COLUMN.name)
		? own.columns
		: [...(own.columns ?? []), AGE_COLUMN];
	const check = (object: KubeObject, strict: boolean): Findings => {
		const spec = (object.spec ?? {}) as ValueOf<Spec>;
		return own.check?.(spec, { metadata: object.metadata, strict }) ?? { errors: [], warnings: [] };
	};
	return {
		group: own.group,
		versions: own.versions,
		storageVersion: own.versions[0]!,
		kind: own.kind,
		listKind: `${own.kind}List`,
		plural: own.plural,
		singular: own.kind.toLowerCase(),
		shortNames: own.shortNames ?? [],
		categories: own.categories,
		namespaced: true,
		origin: "custom",
		verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
		subresources: { status: true },
		schema: rootSchema(own.doc, own.spec.schema),
		columns: [NAME, ...columns.map(columnOf)],
		printerColumns: columns,
		hasGeneration: true,
		nameFormat: "subdomain",
		doc: own.doc,
		check,
		validate(object) {
			const { errors, warnings } = check(object, false);
			return { errors: errors.map(fieldErrorOf), warnings: warnings.map(warningText) };
		},
	};
}

function rootSchema(doc: string, spec: JsonSchema): JsonSchema {
	return {
		type: "object",
		description: doc,
		properties: {
			apiVersion: { type: "string", description: "Group and version of this form of the object." },
			kind: { type: "string", description: "What kind of object this is." },
			metadata: { $ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" },
			spec,
			status: STATUS,
		},
	};
}

/** A semantic problem as a cause of a 422. */
function fieldErrorOf(problem: Problem): FieldError {
	const fix = problem.fix === "" ? "" : `; ${problem.fix}`;
	return { ...problem, reason: "FieldValueInvalid", kubernetesText: `Invalid value: ${problem.message}${fix}` };
}

function warningText({ path, message, fix }: Problem): string {
	return `${path === "" ? "" : `${path}: `}${message}${fix === "" ? "" : `; ${fix}`}`;
}
