import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { checkImmutable } from "../core/field-rules.ts";
import { setText } from "../core/pod-defaults.ts";
import { AGE, at, integer, numberAt, text, textAt } from "../table/columns.ts";

/** PriorityClass of scheduling.k8s.io/v1. */
export const PriorityClass = builtinKind({
	group: "scheduling.k8s.io",
	kind: "PriorityClass",
	hasGeneration: true,
	columns: [
		integer("Value", (priority) => numberAt(priority, "value")),
		text("Global-Default", (priority) => at(priority, "globalDefault") === true),
		AGE,
		text("PreemptionPolicy", (priority) => textAt(priority, "preemptionPolicy")),
	],
	applyDefaults: (priority) => setText(priority, "preemptionPolicy", "PreemptLowerPriority"),
	validate: (priority, old) => ({
		errors: old ? checkImmutable(priority.value, old.value, fieldPath("value")) : [],
		warnings: [],
	}),
});
