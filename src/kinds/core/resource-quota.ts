import { builtinKind } from "../builtin-kind.ts";

/** ResourceQuota of the core group. */
export const ResourceQuota = builtinKind({
	group: "",
	kind: "ResourceQuota",
});
