import { labelsMatch } from "../model/config-object.ts";
import type { DestinationRule } from "../model/destination-rule.ts";
import { hostCovers } from "../model/host-name.ts";
import type { Service } from "../model/service.ts";
import { serviceView } from "../model/service-lookup.ts";
import { endpointsOf, type Snapshot } from "../model/snapshot.ts";
import type { AnalysisMessage } from "./analysis-message.ts";
import type { AnalysisInput } from "./analyzer.ts";

/** IST0174 and IST0173: a DestinationRule for a host that is unknown, or with a subset that no pod belongs to. */
export function destinationRuleAnalyzer({ snapshot }: AnalysisInput): readonly AnalysisMessage[] {
	return snapshot.destinationRules.flatMap((rule): readonly AnalysisMessage[] => {
		const { kind, namespace, name } = rule.meta;
		const resource = { kind, namespace, name };
		const services = serviceView(snapshot, namespace).services.filter((s) => hostCovers(rule.host, s.hostname));
		if (services.length === 0)
			return [{ code: "IST0174", level: "Warning", resource, text: `the host ${rule.host} is unknown` }];
		return emptySubsets(rule, services, snapshot).map(
			(subset): AnalysisMessage => ({
				code: "IST0173",
				level: "Error",
				resource,
				text: `the subset ${subset} of ${rule.host} selects no pod: requests to it get 503 UH`,
			}),
		);
	});
}

function emptySubsets(rule: DestinationRule, services: readonly Service[], snapshot: Snapshot): string[] {
	return rule.subsets
		.filter((subset) => !services.some((service) => hasMember(service, subset.labels, snapshot)))
		.map((subset) => subset.name);
}

/** Pods count whether they are ready or not. */
function hasMember(service: Service, labels: Readonly<Record<string, string>>, snapshot: Snapshot): boolean {
	if (endpointsOf(snapshot, service.hostname).some((e) => labelsMatch(labels, e.labels))) return true;
	const { selector } = service;
	if (!selector) return false;
	return [...snapshot.workloads.values()].some(
		(w) => w.namespace === service.meta.namespace && labelsMatch({ ...selector, ...labels }, w.labels),
	);
}
