import { builtinKind } from "../builtin-kind.ts";

/** ControllerRevision of apps. */
export const ControllerRevision = builtinKind({
	group: "apps",
	kind: "ControllerRevision",
});
