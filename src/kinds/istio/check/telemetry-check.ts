import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import type { Findings } from "../../define-kind.ts";
import type { TelemetrySpec } from "../telemetry-spec.ts";
import { checkPolicyTargets } from "./policy-target-check.ts";
import { checkDuration, checkRange } from "./primitives.ts";
import { Report } from "./report.ts";

type Metrics = NonNullable<TelemetrySpec["metrics"]>[number];

/** Istio's semantic rules for Telemetry (telemetry reference 2.1). */
export function checkTelemetry(spec: TelemetrySpec): Findings {
	const report = new Report();
	const path = fieldPath("spec");
	checkPolicyTargets(spec, report);
	const tracing = spec.tracing ?? [];
	if (tracing.length > 1) report.warn("LTN1909", path.field("tracing"), "only one tracing entry is used");
	for (const [i, entry] of tracing.entries()) {
		const at = path.field("tracing").index(i);
		if ((entry.providers ?? []).length > 1)
			report.warn("LTN1909", at.field("providers"), "only one tracing provider is used");
		checkRange(entry.randomSamplingPercentage, [0, 100], at.field("randomSamplingPercentage"), report);
	}
	for (const [i, metrics] of (spec.metrics ?? []).entries())
		checkMetrics(metrics, path.field("metrics").index(i), report);
	return report;
}

function checkMetrics(metrics: Metrics, path: FieldPath, report: Report): void {
	checkDuration(metrics.reportingInterval, path.field("reportingInterval"), report);
	for (const [i, { tagOverrides = {} }] of (metrics.overrides ?? []).entries()) {
		for (const [tag, { operation = "UPSERT", value }] of Object.entries(tagOverrides)) {
			const at = path.field("overrides").index(i).field("tagOverrides").key(tag);
			if (tag === "") report.error("LTN1910", at, "the tag has no name");
			if (operation === "UPSERT" && !value) report.error("LTN1910", at, "UPSERT needs a value");
			if (operation === "REMOVE" && value) report.error("LTN1910", at, "REMOVE takes no value");
		}
	}
}
