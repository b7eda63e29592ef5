import type { ClusterInfo } from "../cluster/cluster.ts";
import type { ForwardAction } from "../router/route-match.ts";

/** What a cluster itself says of requests, in place of the route (Envoy: upstreams' HttpProtocolOptions and balancing policies). */
export type ClusterRules = Partial<Pick<ForwardAction, "hash" | "retryPolicy" | "mirrors">>;

/** The route's action as it holds for requests to a cluster. */
export function actionFor(action: ForwardAction, { rules }: ClusterInfo): ForwardAction {
	return rules === undefined ? action : { ...action, ...(rules as ClusterRules) };
}
