import { fieldPath } from "../../lib/field-path.ts";
import { containerColumns } from "../apps/workload-columns.ts";
import { applyTemplateDefaults } from "../apps/workload-validation.ts";
import { builtinKind } from "../builtin-kind.ts";
import { formatLabels } from "../label-selector.ts";
import { objectIn } from "../schema/schema-path.ts";
import { at, text, wide } from "../table/columns.ts";
import { validatePodTemplate } from "./pod-validation.ts";

const [containers, images] = containerColumns("template");

/** PodTemplate of the core group. */
export const PodTemplate = builtinKind({
	group: "",
	kind: "PodTemplate",
	hasGeneration: true,
	columns: [
		{ ...containers!, priority: 0 },
		{ ...images!, priority: 0 },
		wide(
			text("Pod Labels", (template) =>
				formatLabels(at(template, "template.metadata.labels") as Record<string, string>),
			),
		),
	],
	applyDefaults: (template) => applyTemplateDefaults(template as unknown as Record<string, unknown>),
	validate: (template) => ({
		errors: validatePodTemplate(objectIn(template, "template"), fieldPath("template")),
		warnings: [],
	}),
});
