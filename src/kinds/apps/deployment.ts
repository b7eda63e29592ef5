import { builtinKind } from "../builtin-kind.ts";

/** Deployment of apps. */
export const Deployment = builtinKind({
	group: "apps",
	kind: "Deployment",
	hasGeneration: true,
});
