import { builtinKind } from "../builtin-kind.ts";

/** NetworkPolicy of networking.k8s.io. */
export const NetworkPolicy = builtinKind({
	group: "networking.k8s.io",
	kind: "NetworkPolicy",
	hasGeneration: true,
});
