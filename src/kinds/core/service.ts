import { builtinKind } from "../builtin-kind.ts";

/** Service of the core group. */
export const Service = builtinKind({
	group: "",
	kind: "Service",
	nameFormat: "label1035",
});
