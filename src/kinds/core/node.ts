import { builtinKind } from "../builtin-kind.ts";

/** Node of the core group. */
export const Node = builtinKind({
	group: "",
	kind: "Node",
});
