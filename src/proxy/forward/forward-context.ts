import type { Random } from "../../lib/random.ts";
import type { ClusterLookup } from "../cluster/cluster.ts";
import type { RouterSettings } from "../filter/router-settings.ts";
import type { UpstreamContext } from "../upstream/host-pool.ts";
import type { RouteStatSet } from "./route-stats.ts";

/** What forwarding needs of the worker and of the router filter's configuration. */
export interface ForwardContext extends UpstreamContext {
	readonly clusters: ClusterLookup;
	readonly random: Random;
	readonly routeStats: RouteStatSet;
	readonly router: RouterSettings;
	/** IP of this node, for the x-forwarded-for of copies. */
	readonly localAddress?: string | undefined;
	/** True for a cluster whose endpoints are all ejected. */
	readonly allEjected: (cluster: string) => boolean;
}
