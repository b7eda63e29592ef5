import { builtinKind } from "../builtin-kind.ts";

/** ServiceAccount of the core group. */
export const ServiceAccount = builtinKind({
	group: "",
	kind: "ServiceAccount",
});
