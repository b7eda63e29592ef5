import { builtinKind } from "../builtin-kind.ts";

/** Namespace of the core group. */
export const Namespace = builtinKind({
	group: "",
	kind: "Namespace",
	nameFormat: "label",
});
