import { builtinKind } from "../builtin-kind.ts";

/** PodTemplate of the core group. */
export const PodTemplate = builtinKind({
	group: "",
	kind: "PodTemplate",
	hasGeneration: true,
});
