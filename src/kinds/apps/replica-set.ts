import { builtinKind } from "../builtin-kind.ts";

/** ReplicaSet of apps. */
export const ReplicaSet = builtinKind({
	group: "apps",
	kind: "ReplicaSet",
	hasGeneration: true,
});
