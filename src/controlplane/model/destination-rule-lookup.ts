import { labelsMatch } from "./config-object.ts";
import type { DestinationRule, Subset } from "./destination-rule.ts";
import { HostIndex } from "./host-index.ts";
import type { Service } from "./service.ts";
import type { Snapshot } from "./snapshot.ts";
import { isPrivate, isVisibleTo } from "./visibility.ts";

interface Client {
	readonly namespace: string;
	readonly labels: Readonly<Record<string, string>>;
}

/** Rules of one namespace by host; each list holds the merged rules of one host, selector ones first. */
type NamespaceRules = HostIndex<readonly DestinationRule[]>;

interface Indexes {
	readonly all: ReadonlyMap<string, NamespaceRules>;
	readonly privateOfRoot: NamespaceRules;
}

const indexes = new WeakMap<readonly DestinationRule[], Indexes>();

/**
 * The DestinationRule that applies when a client calls a service: the client's namespace first, then the service's, then
 * the root's; within one the most specific host; no merging between them (istio-traffic-api.md 2.2).
 */
export function destinationRuleFor(snapshot: Snapshot, client: Client, service: Service): DestinationRule | undefined {
	const { all, privateOfRoot } = indexesOf(snapshot);
	const root = snapshot.mesh.rootNamespace;
	const own = client.namespace === root ? privateOfRoot : all.get(client.namespace);
	const steps = [own, all.get(service.meta.namespace), all.get(root)];
	for (const rules of steps) {
		const visible = (rules?.match(service.hostname) ?? []).filter((r) => isVisibleTo(r.visibility, client.namespace));
		const picked = pickForClient(visible, client);
		if (picked) return picked;
	}
	return undefined;
}

function pickForClient(rules: readonly DestinationRule[], client: Client): DestinationRule | undefined {
	const selected = rules.find(
		(r) =>
			r.workloadSelector && r.meta.namespace === client.namespace && labelsMatch(r.workloadSelector, client.labels),
	);
	return selected ?? rules.find((r) => !r.workloadSelector);
}

function indexesOf(snapshot: Snapshot): Indexes {
	let found = indexes.get(snapshot.destinationRules);
	if (!found) {
		found = buildIndexes(snapshot);
		indexes.set(snapshot.destinationRules, found);
	}
	return found;
}

function buildIndexes(snapshot: Snapshot): Indexes {
	const byNamespace = Map.groupBy(snapshot.destinationRules, (rule) => rule.meta.namespace);
	const root = snapshot.mesh.rootNamespace;
	const privateRules = (byNamespace.get(root) ?? []).filter((r) => isPrivate(r.visibility, root));
	return {
		all: new Map([...byNamespace].map(([namespace, rules]) => [namespace, indexRules(rules)])),
		privateOfRoot: indexRules(privateRules),
	};
}

function indexRules(rules: readonly DestinationRule[]): NamespaceRules {
	const byHost = Map.groupBy(rules, (rule) => rule.host);
	return new HostIndex([...byHost].map(([host, same]) => [host, mergeSameHost(same)] as const));
}

/**
 * Rules of one host in one namespace (oldest first) that agree in selector and visibility become one: all subsets, the
 * first traffic policy (istio-traffic-api.md 2.3).
 */
function mergeSameHost(rules: readonly DestinationRule[]): readonly DestinationRule[] {
	const groups = Map.groupBy(rules, (r) => JSON.stringify([selectorText(r), visibilityText(r)]));
	const merged = [...groups.values()].map(mergeGroup);
	return merged.sort((a, b) => Number(!a.workloadSelector) - Number(!b.workloadSelector));
}

function mergeGroup(rules: readonly DestinationRule[]): DestinationRule {
	const first = rules[0]!;
	if (rules.length === 1) return first;
	const subsets = new Map<string, Subset>();
	for (const rule of rules) for (const s of rule.subsets) if (!subsets.has(s.name)) subsets.set(s.name, s);
	const trafficPolicy = rules.find((r) => r.trafficPolicy)?.trafficPolicy;
	return Object.freeze({ ...first, subsets: [...subsets.values()], trafficPolicy });
}

function selectorText(rule: DestinationRule): unknown {
	return rule.workloadSelector ? Object.entries(rule.workloadSelector).sort() : null;
}

function visibilityText({ visibility }: DestinationRule): unknown {
	return visibility.kind === "namespaces" ? [...visibility.namespaces].sort() : visibility.kind;
}
