import { builtinKind } from "../builtin-kind.ts";

/** Job of batch. */
export const Job = builtinKind({
	group: "batch",
	kind: "Job",
	hasGeneration: true,
});
