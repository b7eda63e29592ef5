import type { Problem } from "../../lib/problem.ts";
import type { Cluster } from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { Route } from "../../xds/generated/envoy/config/route/v3/route_components_pb.ts";

/**
 * Knows what one kind of proxy would refuse. A resource that is refused takes good ones with it (a route its whole table), so what
 * a rule asks for and the proxy cannot do is left out before it is sent, and told.
 */
export interface ProxyCheck {
	/** `node.user_agent_name` of the proxies that it speaks for. */
	readonly userAgent: string;
	/** Why the proxy would refuse a route; empty when it takes it. Paths begin below the route. */
	route(route: Route): readonly Problem[];
	/** Why the proxy would refuse a cluster. */
	cluster(cluster: Cluster): readonly Problem[];
}

/** For proxies that nobody can speak for: whatever Istio sends is sent. */
export const NO_CHECK: ProxyCheck = { userAgent: "", route: () => [], cluster: () => [] };
