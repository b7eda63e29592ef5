import { builtinKind } from "../builtin-kind.ts";

/** CustomResourceDefinition of apiextensions.k8s.io. */
export const CustomResourceDefinition = builtinKind({
	group: "apiextensions.k8s.io",
	kind: "CustomResourceDefinition",
	hasGeneration: true,
});
