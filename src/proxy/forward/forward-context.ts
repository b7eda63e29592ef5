import type { Random } from "../../lib/random.ts";
import type { ClusterLookup } from "../cluster/cluster.ts";
import type { UpstreamContext } from "../upstream/host-pool.ts";
import type { RouteStatSet } from "./route-stats.ts";

/** What forwarding needs of the worker and of the router filter's configuration. */
export interface ForwardContext extends UpstreamContext {
	readonly clusters: ClusterLookup;
	readonly random: Random;
	readonly routeStats: RouteStatSet;
	/** Router filter: `suppress_envoy_headers`. */
	readonly suppressEnvoyHeaders: boolean;
	/** IP of this node, for the x-forwarded-for of copies. */
	readonly localAddress?: string | undefined;
	/** True for a cluster whose endpoints are all ejected. */
	readonly allEjected: (cluster: string) => boolean;
}
