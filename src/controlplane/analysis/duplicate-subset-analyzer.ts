import type { DestinationRule } from "../model/destination-rule.ts";
import type { AnalysisMessage } from "./analysis-message.ts";
import type { AnalysisInput } from "./analyzer.ts";

/**
 * Several DestinationRules for one host in one namespace are merged, and of a subset or traffic policy that two of them define the older
 * rule's counts (istio-traffic-api.md 2.3): the younger one's author should know.
 */
export function duplicateSubsetAnalyzer({ snapshot }: AnalysisInput): readonly AnalysisMessage[] {
	// Oldest first, so the rule that is met first is the one that wins.
	const groups = Map.groupBy(snapshot.destinationRules, mergeKey);
	return [...groups.values()].flatMap((rules) => rules.flatMap((rule, i) => lostTo(rules.slice(0, i), rule)));
}

function mergeKey({ meta, host, workloadSelector, visibility }: DestinationRule): string {
	const seenBy = visibility.kind === "namespaces" ? [...visibility.namespaces].sort() : visibility.kind;
	return JSON.stringify([meta.namespace, host, workloadSelector, seenBy]);
}

function lostTo(older: readonly DestinationRule[], rule: DestinationRule): AnalysisMessage[] {
	const subsets = rule.subsets.flatMap(({ name }) => {
		const winner = older.find((o) => o.subsets.some((s) => s.name === name));
		return winner ? [message(rule, `the subset ${name}`, winner)] : [];
	});
	const winner = rule.trafficPolicy && older.find((o) => o.trafficPolicy);
	return winner ? [...subsets, message(rule, "the trafficPolicy", winner)] : subsets;
}

function message(rule: DestinationRule, what: string, winner: DestinationRule): AnalysisMessage {
	const { kind, namespace, name } = rule.meta;
	const other = `${winner.meta.namespace}/${winner.meta.name}`;
	const text = `${what} of ${rule.host} has no effect: the older DestinationRule ${other} defines it too`;
	return { code: "LTN1522", level: "Warning", resource: { kind, namespace, name }, text };
}
