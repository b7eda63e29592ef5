import { fieldPath } from "../../../lib/field-path.ts";
import type { Findings } from "../../define-kind.ts";
import type { PeerAuthenticationSpec } from "../peer-authentication-spec.ts";
import { checkSelector, isPort } from "./primitives.ts";
import { Report } from "./report.ts";

/** Istio's semantic rules for PeerAuthentications (security reference 1.2). */
export function checkPeerAuthentication(spec: PeerAuthenticationSpec): Findings {
	const report = new Report();
	const path = fieldPath("spec");
	if (spec.selector) checkSelector(spec.selector.matchLabels, path.field("selector"), report);
	const { portLevelMtls: ports } = spec;
	if (!ports) return report;
	const at = path.field("portLevelMtls");
	if (Object.keys(ports).length === 0) report.error("LTN1902", at, "portLevelMtls is empty", "remove it or name ports");
	if (Object.keys(spec.selector?.matchLabels ?? {}).length === 0)
		report.error(
			"LTN1902",
			at,
			"portLevelMtls needs a selector with labels",
			"name the workload in selector.matchLabels",
		);
	for (const port of Object.keys(ports))
		if (!/^\d+$/.test(port) || !isPort(Number(port)))
			report.error("LTN1102", at.key(port), `port ${port} is not in 1..65535`);
	return report;
}
