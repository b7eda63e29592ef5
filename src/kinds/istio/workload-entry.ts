import { defineKind } from "../define-kind.ts";
import { AGE_COLUMN } from "../table/printer-column.ts";
import { checkWorkloadEntry } from "./check/workload-check.ts";
import { NETWORKING_CATEGORIES, NETWORKING_GROUP, NETWORKING_VERSIONS } from "./networking-group.ts";
import { workloadEntrySpec } from "./workload-entry-spec.ts";

/** An endpoint that is no pod. */
export const WorkloadEntry = defineKind({
	group: NETWORKING_GROUP,
	versions: NETWORKING_VERSIONS,
	kind: "WorkloadEntry",
	plural: "workloadentries",
	shortNames: ["we"],
	categories: NETWORKING_CATEGORIES,
	doc: "An endpoint that is no pod, such as a virtual machine.",
	spec: workloadEntrySpec,
	columns: [
		AGE_COLUMN,
		{ name: "Address", type: "string", jsonPath: ".spec.address", description: "Address of the endpoint." },
	],
	check: checkWorkloadEntry,
});
