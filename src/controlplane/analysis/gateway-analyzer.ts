import { labelsMatch } from "../model/config-object.ts";
import type { AnalysisMessage } from "./analysis-message.ts";
import type { AnalysisInput } from "./analyzer.ts";

/** IST0101 for Gateways: a selector that no pod has. */
export function gatewayAnalyzer({ snapshot }: AnalysisInput): readonly AnalysisMessage[] {
	const workloads = [...snapshot.workloads.values()];
	return snapshot.gateways.flatMap(({ meta: { kind, namespace, name }, selector }) => {
		if (!selector || workloads.some((w) => labelsMatch(selector, w.labels))) return [];
		const labels = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
		const text = `Referenced selector not found: "${labels.join(",")}"`;
		return [{ code: "IST0101", level: "Error" as const, resource: { kind, namespace, name }, text }];
	});
}
