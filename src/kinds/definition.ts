import type { Problem } from "../lib/problem.ts";
import type { KubeObject } from "./object.ts";

/** A structural OpenAPI v3 schema as Kubernetes uses it; plain JSON, `$ref`s only inside the built-in documents. */
export interface JsonSchema {
	readonly type?: string;
	readonly format?: string;
	readonly description?: string;
	readonly properties?: Readonly<Record<string, JsonSchema>>;
	readonly additionalProperties?: boolean | JsonSchema;
	readonly items?: JsonSchema;
	readonly required?: readonly string[];
	readonly title?: string;
	readonly enum?: readonly unknown[];
	readonly default?: unknown;
	readonly nullable?: boolean;
	readonly $ref?: string;
	readonly allOf?: readonly JsonSchema[];
	readonly anyOf?: readonly JsonSchema[];
	readonly oneOf?: readonly JsonSchema[];
	readonly not?: JsonSchema;
	readonly minimum?: number;
	readonly maximum?: number;
	readonly minLength?: number;
	readonly maxLength?: number;
	readonly exclusiveMinimum?: boolean;
	readonly exclusiveMaximum?: boolean;
	readonly multipleOf?: number;
	readonly minProperties?: number;
	readonly maxProperties?: number;
	readonly uniqueItems?: boolean;
	readonly minItems?: number;
	readonly maxItems?: number;
	readonly pattern?: string;
	readonly [extension: `x-kubernetes-${string}`]: unknown;
}

/** A column of `kubectl get`. `get` gives the cell; ages and other relative times are computed from `nowEpochMs`. */
export interface Column {
	readonly name: string;
	readonly type: "string" | "integer" | "number" | "boolean" | "date";
	readonly format?: string;
	readonly description?: string;
	/** 0 always shown, 1 only with `-o wide`. */
	readonly priority?: 0 | 1;
	get(object: KubeObject, nowEpochMs: number): string | number | boolean | null;
}

/**
 * A resource kind, defined once: the API server's paths, discovery, validation, defaults and tables, the CRDs, OpenAPI
 * documents, CLI words and docs are made from it.
 */
export interface KindDefinition {
	readonly group: string;
	/** Served versions, preferred first; all share one schema (conversion rewrites apiVersion only). */
	readonly versions: readonly string[];
	readonly storageVersion: string;
	readonly kind: string;
	readonly listKind: string;
	readonly plural: string;
	readonly singular: string;
	readonly shortNames: readonly string[];
	readonly categories: readonly string[];
	readonly namespaced: boolean;
	/** `custom`: served through a CustomResourceDefinition that this definition generates. */
	readonly origin: "builtin" | "custom";
	readonly verbs: readonly string[];
	readonly subresources: {
		readonly status?: boolean;
		readonly scale?: { readonly specReplicas: string; readonly statusReplicas: string; readonly selector: string };
		/** log, exec, binding, eviction, token...: implemented by the API server, by name. */
		readonly others?: readonly string[];
		/** What discovery says of each subresource, in its order; made up from the above when absent. */
		readonly details?: readonly Subresource[];
	};
	/** Schema of the whole object (apiVersion, kind, metadata, spec, status), `$ref`s resolvable with `resolveSchema`. */
	readonly schema: JsonSchema;
	/** Schemas of versions that differ from `schema` (HorizontalPodAutoscaler v1 and v2); see `schemaOf`. */
	readonly schemaByVersion?: Readonly<Record<string, JsonSchema>>;
	/** Turns an object of any served version into `version`; absent: apiVersion is rewritten, nothing else. */
	convert?(object: KubeObject, version: string): KubeObject;
	/** Objects are those of another resource in other words (events.k8s.io Events are core Events). */
	readonly aliasOf?: {
		readonly group: string;
		readonly plural: string;
		toStored(object: KubeObject): KubeObject;
		fromStored(object: KubeObject): KubeObject;
	};
	readonly columns: readonly Column[];
	/** Columns of versions that differ from `columns`; see `columnsOf`. */
	readonly columnsByVersion?: Readonly<Record<string, readonly Column[]>>;
	/** Versions that are served but should not be used any more, with the warning that each request gets. */
	readonly deprecations?: Readonly<Record<string, string>>;
	/** Field selectors besides metadata.name and metadata.namespace: selector → value ("" when absent). */
	readonly fields?: Readonly<Record<string, (object: KubeObject) => string>>;
	/** Fills defaults in place (schema defaults are already there). */
	applyDefaults?(object: KubeObject): void;
	/** What the schema cannot say. `old` on update. Paths as Kubernetes writes them (`spec.ports[0].port`). */
	validate?(
		object: KubeObject,
		old: KubeObject | undefined,
	): { readonly errors: readonly FieldError[]; readonly warnings: readonly string[] };
	/** True when metadata.generation counts changes of `spec` (most kinds). */
	readonly hasGeneration: boolean;
	/** Kind of name: DNS subdomain, DNS label, RFC 1035 label (Service), or any path segment (RBAC). */
	readonly nameFormat: "subdomain" | "label" | "label1035" | "pathSegment";
}

/** A subresource as discovery names it: `pods/eviction` answers with kind Eviction of policy/v1. */
export interface Subresource {
	readonly name: string;
	readonly responseKind: { readonly group: string; readonly version: string; readonly kind: string };
	readonly verbs: readonly string[];
}

/** One field's problem, in the API server's terms; becomes `details.causes[]` of a 422. */
export interface FieldError extends Problem {
	readonly reason:
		| "FieldValueRequired"
		| "FieldValueInvalid"
		| "FieldValueNotSupported"
		| "FieldValueDuplicate"
		| "FieldValueForbidden"
		| "FieldValueTooLong"
		| "FieldValueTooMany"
		| "FieldValueNotFound"
		| "FieldValueTypeInvalid";
	/** As Kubernetes prints it after the path: `Required value`, `Invalid value: -1: must be ...`. */
	readonly kubernetesText: string;
}
