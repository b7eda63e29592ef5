import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { setDefault } from "../core/pod-defaults.ts";
import type { FieldError } from "../definition.ts";
import { invalid, required } from "../field-error.ts";
import type { KubeObject } from "../object.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { AGE, at, integer, numberAt, text, textAt } from "../table/columns.ts";
import { convertAutoscaler, METRICS_ANNOTATION } from "./hpa-conversion.ts";
import { formatMetrics } from "./hpa-metrics.ts";

const DEFAULT_CPU_PERCENT = 80;

/** HorizontalPodAutoscaler of autoscaling/v2, also served as v1. */
export const HorizontalPodAutoscaler = builtinKind({
	group: "autoscaling",
	kind: "HorizontalPodAutoscaler",
	versions: ["v2", "v1"],
	storageVersion: "v2",
	convert: convertAutoscaler,
	columns: [
		text(
			"Reference",
			(autoscaler) =>
				`${textAt(autoscaler, "spec.scaleTargetRef.kind")}/${textAt(autoscaler, "spec.scaleTargetRef.name")}`,
		),
		text("Targets", (autoscaler) => formatMetrics(asV2(autoscaler))),
		text("MinPods", (autoscaler) => String(at(autoscaler, "spec.minReplicas") ?? "<unset>")),
		integer("MaxPods", (autoscaler) => numberAt(autoscaler, "spec.maxReplicas")),
		integer("Replicas", (autoscaler) => numberAt(autoscaler, "status.currentReplicas")),
		AGE,
	],
	applyDefaults(autoscaler) {
		if (!isObject(autoscaler.spec)) return;
		const { spec } = autoscaler;
		setDefault(spec, "minReplicas", 1);
		if (autoscaler.apiVersion === "autoscaling/v1") {
			// Other metrics of a v1 object stand in an annotation.
			const others = autoscaler.metadata.annotations?.[METRICS_ANNOTATION];
			if (!others) setDefault(spec, "targetCPUUtilizationPercentage", DEFAULT_CPU_PERCENT);
			return;
		}
		if (!Array.isArray(spec.metrics) || spec.metrics.length === 0) spec.metrics = [defaultMetric()];
	},
	validate: (autoscaler) => ({ errors: validateSpec(objectIn(autoscaler, "spec")), warnings: [] }),
});

const asV2 = (autoscaler: KubeObject) =>
	autoscaler.apiVersion === "autoscaling/v1" ? convertAutoscaler(autoscaler, "v2") : autoscaler;

function defaultMetric(): JsonObject {
	const target = { type: "Utilization", averageUtilization: DEFAULT_CPU_PERCENT };
	return { type: "Resource", resource: { name: "cpu", target } };
}

function validateSpec(spec: JsonObject): FieldError[] {
	const path = fieldPath("spec");
	const errors: FieldError[] = [];
	const { minReplicas: min, maxReplicas: max } = spec;
	const reference = objectIn(spec, "scaleTargetRef");
	for (const name of ["kind", "name"])
		if (!reference[name]) errors.push(required(path.field("scaleTargetRef").field(name)));
	if (typeof min === "number" && min < 1)
		errors.push(invalid(path.field("minReplicas"), min, "must be greater than or equal to 1"));
	if (typeof max !== "number" || max < 1)
		errors.push(invalid(path.field("maxReplicas"), max ?? 0, "must be greater than 0"));
	else if (typeof min === "number" && max < min)
		errors.push(invalid(path.field("maxReplicas"), max, "must be greater than or equal to `minReplicas`"));
	return errors;
}
