import { builtinKind } from "../builtin-kind.ts";

/** Pod of the core group. */
export const Pod = builtinKind({
	group: "",
	kind: "Pod",
	hasGeneration: true,
});
