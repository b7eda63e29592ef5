import { builtinKind } from "../builtin-kind.ts";

/** Lease of coordination.k8s.io. */
export const Lease = builtinKind({
	group: "coordination.k8s.io",
	kind: "Lease",
});
