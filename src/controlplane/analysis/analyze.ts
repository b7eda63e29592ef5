import { type ConfigRef, formatRef, metaOf } from "../model/config-object.ts";
import { type AnalysisMessage, compareMessages } from "./analysis-message.ts";
import type { AnalysisInput, Analyzer } from "./analyzer.ts";
import { destinationRuleAnalyzer } from "./destination-rule-analyzer.ts";
import { duplicateSubsetAnalyzer } from "./duplicate-subset-analyzer.ts";
import { gatewayAnalyzer } from "./gateway-analyzer.ts";
import { gatewayConflictAnalyzer } from "./gateway-conflict-analyzer.ts";
import { portNameAnalyzer } from "./port-name-analyzer.ts";
import { problemAnalyzer } from "./problem-analyzer.ts";
import { schemaAnalyzer } from "./schema-analyzer.ts";
import { virtualServiceConflictAnalyzer } from "./virtual-service-conflict-analyzer.ts";
import { virtualServiceReferenceAnalyzer } from "./virtual-service-reference-analyzer.ts";
import { virtualServiceRuleAnalyzer } from "./virtual-service-rule-analyzer.ts";

/** By the name that `lateen analyze --list` shows. */
export const ANALYZERS: Readonly<Record<string, Analyzer>> = {
	"schema.ValidationAnalyzer": schemaAnalyzer,
	"lateen.ProblemAnalyzer": problemAnalyzer,
	"virtualservice.ReferenceAnalyzer": virtualServiceReferenceAnalyzer,
	"virtualservice.ConflictingMeshGatewayHostsAnalyzer": virtualServiceConflictAnalyzer,
	"virtualservice.RuleAnalyzer": virtualServiceRuleAnalyzer,
	"destinationrule.HostAndSubsetAnalyzer": destinationRuleAnalyzer,
	"destinationrule.DuplicateSubsetAnalyzer": duplicateSubsetAnalyzer,
	"gateway.SelectorAnalyzer": gatewayAnalyzer,
	"gateway.ConflictingGatewayAnalyzer": gatewayConflictAnalyzer,
	"service.PortNameAnalyzer": portNameAnalyzer,
};

const SILENT_NAMESPACES = new Set(["kube-system", "kube-public", "kube-node-lease", "local-path-storage"]);
const SUPPRESS = "galley.istio.io/analyze-suppress";

/** Runs analyzers; worst findings first, each once, none that its resource suppresses by annotation. */
export function analyze(
	input: AnalysisInput,
	names: readonly string[] = Object.keys(ANALYZERS),
): readonly AnalysisMessage[] {
	const suppressed = suppressions(input);
	const messages = names.flatMap((name) => ANALYZERS[name]?.(input) ?? []);
	const kept = messages.filter(({ code, resource }) => {
		const codes = suppressed.get(formatRef(resource));
		return !SILENT_NAMESPACES.has(resource.namespace) && !codes?.has(code) && !codes?.has("*");
	});
	const unique = new Map(kept.map((m) => [JSON.stringify([m.code, m.resource, m.text]), m]));
	return [...unique.values()].sort(compareMessages);
}

function suppressions({ objects, snapshot }: AnalysisInput): ReadonlyMap<string, ReadonlySet<string>> {
	const found = new Map<string, ReadonlySet<string>>();
	const note = (ref: ConfigRef, annotations: Readonly<Record<string, string>>) => {
		const codes = annotations[SUPPRESS];
		if (codes !== undefined) found.set(formatRef(ref), new Set(codes.split(",").map((code) => code.trim())));
	};
	for (const object of objects) note(metaOf(object), metaOf(object).annotations);
	for (const { meta } of snapshot.services) note(meta, meta.annotations);
	return found;
}
