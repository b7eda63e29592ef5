import { fieldPath } from "../../lib/field-path.ts";
import { checkCountOrPercent } from "../apps/workload-validation.ts";
import { builtinKind } from "../builtin-kind.ts";
import { invalid } from "../field-error.ts";
import { objectIn } from "../schema/schema-path.ts";
import { AGE, at, integer, numberAt, text } from "../table/columns.ts";

/** PodDisruptionBudget of policy/v1. */
export const PodDisruptionBudget = builtinKind({
	group: "policy",
	kind: "PodDisruptionBudget",
	hasGeneration: true,
	columns: [
		text("Min Available", (budget) => String(at(budget, "spec.minAvailable") ?? "N/A")),
		text("Max Unavailable", (budget) => String(at(budget, "spec.maxUnavailable") ?? "N/A")),
		integer("Allowed Disruptions", (budget) => numberAt(budget, "status.disruptionsAllowed")),
		AGE,
	],
	validate(budget) {
		const spec = objectIn(budget, "spec");
		const path = fieldPath("spec");
		const errors = ["minAvailable", "maxUnavailable"].flatMap((name) =>
			checkCountOrPercent(spec[name], path.field(name)),
		);
		if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined)
			errors.push(invalid(path, "", "minAvailable and maxUnavailable cannot be both set"));
		return { errors, warnings: [] };
	},
});
