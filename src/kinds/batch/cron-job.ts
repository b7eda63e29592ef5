import { builtinKind } from "../builtin-kind.ts";

/** CronJob of batch. */
export const CronJob = builtinKind({
	group: "batch",
	kind: "CronJob",
	hasGeneration: true,
});
