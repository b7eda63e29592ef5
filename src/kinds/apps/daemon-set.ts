import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { checkEnum } from "../core/field-rules.ts";
import { setDefault, setText } from "../core/pod-defaults.ts";
import { formatLabels } from "../label-selector.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { AGE, at, text } from "../table/columns.ts";
import { containerColumns, countColumn, selectorColumn } from "./workload-columns.ts";
import { applyTemplateDefaults, validateWorkload } from "./workload-validation.ts";

/** DaemonSet of apps/v1. */
export const DaemonSet = builtinKind({
	group: "apps",
	kind: "DaemonSet",
	hasGeneration: true,
	columns: [
		countColumn("Desired", "status.desiredNumberScheduled"),
		countColumn("Current", "status.currentNumberScheduled"),
		countColumn("Ready", "status.numberReady"),
		countColumn("Up-to-date", "status.updatedNumberScheduled"),
		countColumn("Available", "status.numberAvailable"),
		text("Node Selector", (set) => formatLabels(at(set, "spec.template.spec.nodeSelector") as Record<string, string>)),
		AGE,
		...containerColumns(),
		selectorColumn(),
	],
	applyDefaults(set) {
		if (!isObject(set.spec)) return;
		const { spec } = set;
		setDefault(spec, "revisionHistoryLimit", 10);
		spec.updateStrategy = withStrategyDefaults(objectIn(spec, "updateStrategy"));
		applyTemplateDefaults(spec);
	},
	validate(set, old) {
		const strategy = objectIn(objectIn(set, "spec"), "updateStrategy");
		const path = fieldPath("spec").field("updateStrategy").field("type");
		return {
			errors: [...validateWorkload(set, old), ...checkEnum(strategy.type, ["OnDelete", "RollingUpdate"], path)],
			warnings: [],
		};
	},
});

function withStrategyDefaults(strategy: JsonObject): JsonObject {
	setText(strategy, "type", "RollingUpdate");
	if (strategy.type !== "RollingUpdate") return strategy;
	const rolling = objectIn(strategy, "rollingUpdate");
	setDefault(rolling, "maxUnavailable", 1);
	setDefault(rolling, "maxSurge", 0);
	return { ...strategy, rollingUpdate: rolling };
}
