import { builtinKind } from "../builtin-kind.ts";

/** RuntimeClass of node.k8s.io. */
export const RuntimeClass = builtinKind({
	group: "node.k8s.io",
	kind: "RuntimeClass",
});
