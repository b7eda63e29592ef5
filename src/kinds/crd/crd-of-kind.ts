import type { CustomKind } from "../define-kind.ts";
import type { JsonSchema } from "../definition.ts";
import type { KubeObject } from "../object.ts";

/** The CustomResourceDefinition that serves a kind: names, schema and columns of every version. */
export function crdOfKind(kind: CustomKind): KubeObject {
	return {
		apiVersion: "apiextensions.k8s.io/v1",
		kind: "CustomResourceDefinition",
		metadata: { name: `${kind.plural}.${kind.group}` },
		spec: {
			group: kind.group,
			names: {
				kind: kind.kind,
				listKind: kind.listKind,
				plural: kind.plural,
				singular: kind.singular,
				...(kind.shortNames.length > 0 ? { shortNames: [...kind.shortNames] } : {}),
				...(kind.categories.length > 0 ? { categories: [...kind.categories] } : {}),
			},
			scope: kind.namespaced ? "Namespaced" : "Cluster",
			conversion: { strategy: "None" },
			versions: kind.versions.map((version) => ({
				name: version,
				served: true,
				storage: version === kind.storageVersion,
				subresources: { status: {} },
				additionalPrinterColumns: kind.printerColumns.map((column) => ({ ...column })),
				schema: { openAPIV3Schema: openApiSchema(kind.schema) },
			})),
		},
	};
}

/** CRD schemas may hold no reference and say nothing of metadata. */
function openApiSchema(schema: JsonSchema): JsonSchema {
	return { ...schema, properties: { ...schema.properties, metadata: { type: "object" } } };
}
