import { defineKind } from "../define-kind.ts";
import { checkTelemetry } from "./check/telemetry-check.ts";
import { telemetrySpec } from "./telemetry-spec.ts";

/** What proxies report. */
export const Telemetry = defineKind({
	group: "telemetry.istio.io",
	versions: ["v1", "v1alpha1"],
	kind: "Telemetry",
	plural: "telemetries",
	shortNames: ["telemetry"],
	categories: ["istio-io", "telemetry-istio-io"],
	doc: "Says what proxies trace, measure and log.",
	spec: telemetrySpec,
	check: checkTelemetry,
});
