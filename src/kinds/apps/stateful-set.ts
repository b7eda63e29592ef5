import { builtinKind } from "../builtin-kind.ts";

/** StatefulSet of apps. */
export const StatefulSet = builtinKind({
	group: "apps",
	kind: "StatefulSet",
	hasGeneration: true,
});
