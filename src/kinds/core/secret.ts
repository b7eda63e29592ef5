import { builtinKind } from "../builtin-kind.ts";

/** Secret of the core group. */
export const Secret = builtinKind({
	group: "",
	kind: "Secret",
});
