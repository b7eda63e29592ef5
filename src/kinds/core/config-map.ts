import { builtinKind } from "../builtin-kind.ts";

/** ConfigMap of the core group. */
export const ConfigMap = builtinKind({
	group: "",
	kind: "ConfigMap",
});
