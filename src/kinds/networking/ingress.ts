import { builtinKind } from "../builtin-kind.ts";

/** Ingress of networking.k8s.io. */
export const Ingress = builtinKind({
	group: "networking.k8s.io",
	kind: "Ingress",
	hasGeneration: true,
});

/** IngressClass of networking.k8s.io. */
export const IngressClass = builtinKind({
	group: "networking.k8s.io",
	kind: "IngressClass",
	hasGeneration: true,
});
