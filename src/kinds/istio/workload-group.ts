import { defineKind } from "../define-kind.ts";
import { checkWorkloadGroup } from "./check/workload-check.ts";
import { NETWORKING_CATEGORIES, NETWORKING_GROUP, NETWORKING_VERSIONS } from "./networking-group.ts";
import { workloadGroupSpec } from "./workload-group-spec.ts";

/** Template for WorkloadEntries that register themselves. */
export const WorkloadGroup = defineKind({
	group: NETWORKING_GROUP,
	versions: NETWORKING_VERSIONS,
	kind: "WorkloadGroup",
	plural: "workloadgroups",
	shortNames: ["wg"],
	categories: NETWORKING_CATEGORIES,
	doc: "Describes a set of workloads that are no pods, and the WorkloadEntry that each of them gets.",
	spec: workloadGroupSpec,
	check: checkWorkloadGroup,
});
