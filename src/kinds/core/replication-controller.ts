import { fieldPath } from "../../lib/field-path.ts";
import { REPLICA_SCALE } from "../apps/deployment.ts";
import { containerColumns, countColumn } from "../apps/workload-columns.ts";
import { applyTemplateDefaults } from "../apps/workload-validation.ts";
import { builtinKind } from "../builtin-kind.ts";
import { invalid, required } from "../field-error.ts";
import { goStringMap } from "../go-literal.ts";
import { formatLabels, selectorMatches } from "../label-selector.ts";
import { isObject, objectIn } from "../schema/schema-path.ts";
import { AGE, at, text, wide } from "../table/columns.ts";
import { checkNonNegative } from "./field-rules.ts";
import { setDefault } from "./pod-defaults.ts";
import { fieldText } from "./pod-status.ts";
import { validatePodTemplate } from "./pod-validation.ts";

/** ReplicationController of the core group. */
export const ReplicationController = builtinKind({
	group: "",
	kind: "ReplicationController",
	hasGeneration: true,
	scale: REPLICA_SCALE,
	columns: [
		countColumn("Desired", "spec.replicas"),
		countColumn("Current", "status.replicas"),
		countColumn("Ready", "status.readyReplicas"),
		AGE,
		...containerColumns(),
		wide(text("Selector", (controller) => formatLabels(at(controller, "spec.selector") as Record<string, string>))),
	],
	fields: { "status.replicas": (controller) => fieldText(controller, "status.replicas") || "0" },
	applyDefaults(controller) {
		if (!isObject(controller.spec)) return;
		const { spec } = controller;
		setDefault(spec, "replicas", 1);
		const labels = objectIn(objectIn(spec, "template"), "metadata").labels;
		if (isObject(labels) && !isObject(spec.selector)) spec.selector = { ...labels };
		applyTemplateDefaults(spec);
	},
	validate(controller) {
		const spec = objectIn(controller, "spec");
		const path = fieldPath("spec");
		const selector = objectIn(spec, "selector") as Record<string, string>;
		const template = objectIn(spec, "template");
		const labels = objectIn(template, "metadata").labels as Record<string, string> | undefined;
		const errors = checkNonNegative(spec.replicas, path.field("replicas"));
		if (Object.keys(selector).length === 0) errors.push(required(path.field("selector")));
		else if (!selectorMatches({ matchLabels: selector }, labels))
			errors.push(
				invalid(
					path.field("template.metadata.labels"),
					goStringMap(labels),
					"`selector` does not match template `labels`",
				),
			);
		return { errors: [...errors, ...validatePodTemplate(template, path.field("template"))], warnings: [] };
	},
});
