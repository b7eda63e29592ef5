import { fieldPath } from "../../../lib/field-path.ts";
import type { CheckContext, Findings } from "../../define-kind.ts";
import type { DestinationRuleSpec, Subset } from "../destination-rule-spec.ts";
import { isDnsLabel } from "./host-names.ts";
import { checkExportTo, checkLabels, checkSelector, checkServiceHost } from "./primitives.ts";
import { Report } from "./report.ts";
import { checkTrafficPolicy } from "./traffic-policy-check.ts";

/** Istio's semantic rules for DestinationRules (validation reference 9.2). */
export function checkDestinationRule(spec: DestinationRuleSpec, context: CheckContext): Findings {
	const report = new Report();
	const path = fieldPath("spec");
	checkServiceHost(spec.host, true, path.field("host"), report);
	if (spec.trafficPolicy) checkTrafficPolicy(spec.trafficPolicy, path.field("trafficPolicy"), report);
	checkSubsets(spec.subsets ?? [], report);
	const { namespace } = context.metadata;
	checkExportTo(spec.exportTo, { namespace, allowNobody: false }, path.field("exportTo"), report);
	if (spec.workloadSelector) {
		checkSelector(spec.workloadSelector.matchLabels, path.field("workloadSelector"), report);
		const abroad = (spec.exportTo ?? []).filter((entry) => entry !== "." && entry !== namespace);
		if (abroad.length > 0)
			report.error(
				"LTN1105",
				path.field("exportTo"),
				"a rule with a workloadSelector applies in its own namespace only",
				"leave exportTo out or write .",
			);
	}
	return report;
}

function checkSubsets(subsets: readonly Subset[], report: Report): void {
	const path = fieldPath("spec").field("subsets");
	const seen = new Set<string>();
	for (const [i, subset] of subsets.entries()) {
		const at = path.index(i);
		if (!isDnsLabel(subset.name))
			report.error(
				"LTN1106",
				at.field("name"),
				`${JSON.stringify(subset.name)} is no subset name`,
				"use letters, digits and hyphens",
			);
		if (seen.has(subset.name))
			report.error(
				"LTN1204",
				at.field("name"),
				`subset ${JSON.stringify(subset.name)} is defined twice`,
				"rename or delete one",
			);
		seen.add(subset.name);
		checkLabels(subset.labels, at.field("labels"), report);
		if (subset.trafficPolicy) checkTrafficPolicy(subset.trafficPolicy, at.field("trafficPolicy"), report);
	}
}
