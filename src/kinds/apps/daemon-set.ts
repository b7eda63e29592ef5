import { builtinKind } from "../builtin-kind.ts";

/** DaemonSet of apps. */
export const DaemonSet = builtinKind({
	group: "apps",
	kind: "DaemonSet",
	hasGeneration: true,
});
