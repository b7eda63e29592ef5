import { builtinKind } from "../builtin-kind.ts";

/** HorizontalPodAutoscaler of autoscaling. */
export const HorizontalPodAutoscaler = builtinKind({
	group: "autoscaling",
	kind: "HorizontalPodAutoscaler",
	versions: ["v2", "v1"],
	storageVersion: "v2",
});
