import type { FieldPath } from "../../../lib/field-path.ts";
import type { Random } from "../../../lib/random.ts";
import type { RouteAction, WeightedCluster } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { compileMetadataMatch, type MetadataMatch } from "../../http/info/metadata-match.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { RequestHead } from "../../http/message.ts";
import type { CompileScope } from "../compile-scope.ts";
import { firstRequestHeader } from "../match/request-header.ts";
import { ProblemList } from "../problem-list.ts";
import type { ClusterChoice, ForwardAction } from "../route-match.ts";
import { compileHashPolicies } from "./hash-policy.ts";

type ClusterChooser = Pick<ForwardAction, "chooseCluster" | "clusters">;

/** Compiles a route's cluster specifier. `failover`: the weight of a cluster with every endpoint ejected goes to the others (design D4). */
export function compileClusterChoice(
	action: RouteAction,
	failover: boolean,
	at: FieldPath,
	scope: CompileScope,
): ClusterChooser {
	const { clusterSpecifier: spec } = action;
	const metadataMatch = compileMetadataMatch(action.metadataMatch?.filterMetadata["envoy.lb"]);
	switch (spec.case) {
		case "cluster": {
			if (spec.value === "") scope.problems.add("missing", at.field("cluster"), "the cluster has no name");
			else scope.checkCluster(spec.value, at.field("cluster"));
			const choice: ClusterChoice = { cluster: spec.value, weightedIndex: -1, ...(metadataMatch && { metadataMatch }) };
			return { chooseCluster: () => choice, clusters: () => [spec.value] };
		}
		case "clusterHeader": {
			const name = spec.value.toLowerCase();
			if (name === "") scope.problems.add("missing", at.field("cluster_header"), "the header has no name");
			const named = (request: RequestHead) => firstRequestHeader(request, name) ?? "";
			return {
				chooseCluster: (request) => ({
					cluster: named(request),
					weightedIndex: -1,
					...(metadataMatch && { metadataMatch }),
				}),
				clusters: (request) => [named(request)],
			};
		}
		case "weightedClusters": {
			// Its problems are told where the policies are compiled for balancing.
			const hashOf = compileHashPolicies(action.hashPolicy, at.field("hash_policy"), new ProblemList());
			return compileWeighted(spec.value, { failover, metadataMatch, hashOf }, at.field("weighted_clusters"), scope);
		}
		case "clusterSpecifierPlugin":
		case "inlineClusterSpecifierPlugin":
			scope.problems.notImplemented(at, "a cluster specifier plugin");
			break;
		default:
			scope.problems.add(
				"missing",
				at,
				"the route names no cluster",
				"set cluster, cluster_header or weighted_clusters",
			);
	}
	return NO_CLUSTER;
}

/** Stands in where the configuration is refused anyway. */
const NO_CLUSTER: ClusterChooser = { chooseCluster: () => ({ cluster: "", weightedIndex: -1 }), clusters: () => [] };

interface WeightedEntry {
	/** Undefined: the cluster's name is in a request header. */
	readonly choice: ClusterChoice | undefined;
	/** The choice but for its cluster. */
	readonly rest: Omit<ClusterChoice, "cluster">;
	readonly header: string;
	readonly weight: number;
}

interface WeightedContext {
	readonly failover: boolean;
	readonly metadataMatch: MetadataMatch | undefined;
	readonly hashOf: ForwardAction["hash"];
}

function compileWeighted(
	message: WeightedCluster,
	{ failover, metadataMatch: base, hashOf }: WeightedContext,
	at: FieldPath,
	scope: CompileScope,
): ClusterChooser {
	const entries = message.clusters.map((cluster, index): WeightedEntry => {
		const clusterAt = at.field("clusters").index(index);
		if ((cluster.name === "") === (cluster.clusterHeader === ""))
			scope.problems.add("invalid", clusterAt, "a weighted cluster has either a name or a cluster_header");
		if (cluster.name !== "") scope.checkCluster(cluster.name, clusterAt.field("name"));
		const metadataMatch = compileMetadataMatch(cluster.metadataMatch?.filterMetadata["envoy.lb"], base);
		const rest = { weightedIndex: index, ...(metadataMatch && { metadataMatch }) };
		const choice = cluster.name === "" ? undefined : { cluster: cluster.name, ...rest };
		return { choice, rest, header: cluster.clusterHeader.toLowerCase(), weight: cluster.weight ?? 0 };
	});
	const total = checkedTotal(entries, message, at, scope);
	const drawn = entries.filter((entry) => entry.weight > 0);
	if (drawn.length === 0) return NO_CLUSTER;
	const value = randomValue(message, total, hashOf);
	const chooseCluster: ForwardAction["chooseCluster"] = (request, random, excluded, info) => {
		const first = chosen(pickEntry(drawn, value(request, random, info)), request);
		if (!failover || !excluded(first.cluster)) return first;
		return chooseAmongRest(drawn, { request, random, excluded }) ?? first;
	};
	return { chooseCluster, clusters: (request) => drawn.map((entry) => chosen(entry, request).cluster) };
}

function checkedTotal(
	entries: readonly WeightedEntry[],
	message: WeightedCluster,
	at: FieldPath,
	scope: CompileScope,
): number {
	const total = entries.reduce((sum, entry) => sum + entry.weight, 0);
	if (total === 0) scope.problems.add("invalid", at, "the weights sum to 0", "give a cluster a weight");
	if (total > 0xffff_ffff) scope.problems.add("invalid", at, "the weights sum to more than 4294967295");
	if (message.totalWeight !== undefined && message.totalWeight !== total)
		scope.problems.add(
			"invalid",
			at.field("total_weight"),
			`the weights sum to ${total}, not ${message.totalWeight}`,
			"remove total_weight",
		);
	return total;
}

/** Where the draw comes from: chance, or a number in a request header (Envoy: random_value_specifier). */
function randomValue(
	message: WeightedCluster,
	total: number,
	hashOf: ForwardAction["hash"],
): (request: RequestHead, random: Random, info: StreamInfo | undefined) => number {
	const { randomValueSpecifier: spec } = message;
	if (spec.case === "useHashPolicy" && spec.value.value) {
		return (request, random, info) => {
			const hash = info && hashOf(request, info).hash;
			return hash === undefined ? random.below(total) : Number(hash % BigInt(total));
		};
	}
	if (spec.case !== "headerName") return (_, random) => random.below(total);
	const name = spec.value.toLowerCase();
	return (request, random) => {
		const text = request.headers.get(name);
		return text !== undefined && /^\d{1,20}$/.test(text) ? Number(BigInt(text) % BigInt(total)) : random.below(total);
	};
}

function pickEntry(entries: readonly WeightedEntry[], value: number): WeightedEntry {
	let left = value;
	for (const entry of entries) {
		if (left < entry.weight) return entry;
		left -= entry.weight;
	}
	return entries[entries.length - 1]!;
}

function chosen(entry: WeightedEntry, request: RequestHead): ClusterChoice {
	return entry.choice ?? { cluster: firstRequestHeader(request, entry.header) ?? "", ...entry.rest };
}

/** A second draw among the clusters that are not excluded, by their weights; undefined when none is left. */
function chooseAmongRest(
	entries: readonly WeightedEntry[],
	on: { request: RequestHead; random: Random; excluded: (cluster: string) => boolean },
): ClusterChoice | undefined {
	const rest = entries.filter((entry) => !on.excluded(chosen(entry, on.request).cluster));
	if (rest.length === 0) return undefined;
	const total = rest.reduce((sum, entry) => sum + entry.weight, 0);
	return chosen(pickEntry(rest, on.random.below(total)), on.request);
}
