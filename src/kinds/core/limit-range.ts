import { builtinKind } from "../builtin-kind.ts";

/** LimitRange of the core group. */
export const LimitRange = builtinKind({
	group: "",
	kind: "LimitRange",
});
