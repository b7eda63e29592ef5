import { builtinKind } from "../builtin-kind.ts";

/** ReplicationController of the core group. */
export const ReplicationController = builtinKind({
	group: "",
	kind: "ReplicationController",
	hasGeneration: true,
});
