import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { ClusterLookup, UpstreamCluster } from "../cluster/cluster.ts";
import type { FilterStream } from "./http-filter.ts";

/** Where filters count what they decided on the way to a cluster. */
export interface ClusterCounterDeps {
	readonly clusters: ClusterLookup;
	readonly metrics: Pick<Metrics, "scope">;
}

/** The cluster that the stream's route sends to (of a weighted route the first); undefined: none, or not there. */
export function clusterOf(stream: FilterStream, { clusters }: ClusterCounterDeps): UpstreamCluster | undefined {
	const action = stream.route()?.action;
	if (action?.kind !== "forward") return undefined;
	const name = action.forward.clusters(stream.request)[0];
	return name === undefined ? undefined : clusters.get(name);
}

/** Counts `cluster.<name>.<stat>`; a cluster that is gone takes its counters along. */
export function countOnCluster(cluster: UpstreamCluster | undefined, stat: string, deps: ClusterCounterDeps): void {
	if (!cluster) return;
	const scope = deps.metrics.scope(`cluster.${cluster.name}.`);
	scope.counter(stat).inc();
	scope.release();
}
