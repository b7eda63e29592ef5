import { builtinKind } from "../builtin-kind.ts";

/** PriorityClass of scheduling.k8s.io. */
export const PriorityClass = builtinKind({
	group: "scheduling.k8s.io",
	kind: "PriorityClass",
	hasGeneration: true,
});
