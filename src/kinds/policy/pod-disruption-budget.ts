import { builtinKind } from "../builtin-kind.ts";

/** PodDisruptionBudget of policy. */
export const PodDisruptionBudget = builtinKind({
	group: "policy",
	kind: "PodDisruptionBudget",
	hasGeneration: true,
});
