import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import type { Findings } from "../../define-kind.ts";
import type { WasmPluginSpec } from "../wasm-plugin-spec.ts";
import { checkPolicyTargets } from "./policy-target-check.ts";
import { Report } from "./report.ts";

const SCHEMES = new Set(["http:", "https:", "file:", "oci:"]);

/** Istio's semantic rules for WasmPlugins. */
export function checkWasmPlugin(spec: WasmPluginSpec): Findings {
	const report = new Report();
	const path = fieldPath("spec");
	checkPolicyTargets(spec, report);
	const hasScheme = spec.url.includes("://");
	if (hasScheme && !(URL.canParse(spec.url) && SCHEMES.has(new URL(spec.url).protocol)))
		report.error("LTN1804", path.field("url"), `${JSON.stringify(spec.url)} is no oci, http, https or file address`);
	const seen = new Set<string>();
	for (const [i, variable] of (spec.vmConfig?.env ?? []).entries()) {
		const at = path.field("vmConfig").field("env").index(i);
		if (seen.has(variable.name)) report.error("LTN1804", at.field("name"), `${variable.name} is there twice`);
		seen.add(variable.name);
		checkHostValue(variable, at, report);
	}
	return report;
}

function checkHostValue(
	{ valueFrom, value }: { valueFrom?: string; value?: string },
	path: FieldPath,
	report: Report,
): void {
	if (valueFrom === "HOST" && value)
		report.error("LTN1804", path.field("value"), "a value from HOST cannot be given here", "remove value");
}
