import type { UpstreamCluster } from "../cluster/cluster.ts";
import type { UpstreamRequestStats } from "../cluster/cluster-stat-set.ts";
import { isGrpc } from "../http/grpc-status.ts";
import type { RequestHead } from "../http/message.ts";
import { OTHER } from "../router/match/virtual-cluster.ts";
import type { RouteMatch } from "../router/route-match.ts";
import type { Downstream } from "./downstream.ts";
import type { ForwardContext } from "./forward-context.ts";

const ALT_STAT_NAME = "x-envoy-upstream-alt-stat-name";

/** What counts one request besides its endpoint: its cluster, its route and virtual cluster, and the name that a client asked for. */
export class RequestCounts {
	readonly cluster: UpstreamCluster;
	/** Of the route or virtual cluster, where one counts. */
	readonly routeStats: UpstreamRequestStats | undefined;
	readonly #request: RequestHead;
	readonly #router: ForwardContext["router"];
	/** Counts statuses under another name. */
	readonly #altStats: { count(status: number): void } | undefined;

	/** Notes the virtual cluster in the request's info, takes the client's field off. */
	constructor(cluster: UpstreamCluster, match: RouteMatch, { request, info }: Downstream, context: ForwardContext) {
		this.cluster = cluster;
		this.#request = request;
		this.#router = context.router;
		const virtualCluster = match.virtualCluster?.(request);
		info.virtualCluster = virtualCluster === OTHER ? undefined : virtualCluster;
		const counts = virtualCluster !== undefined || match.statPrefix !== "";
		this.routeStats = counts ? context.routeStats.of(match, virtualCluster) : undefined;
		this.#altStats = this.#alternative();
	}

	#alternative(): { count(status: number): void } | undefined {
		const { headers } = this.#request;
		const name = headers.get(ALT_STAT_NAME);
		if (name === undefined) return undefined;
		headers.remove(ALT_STAT_NAME);
		return name === "" ? undefined : this.cluster.stats.alternative(name);
	}

	/** Answers in an endpoint's place count like the endpoint's own. */
	status(status: number): void {
		const { countsStatuses, hidesGrpcFailures } = this.#router;
		if (!countsStatuses) return;
		const { headers } = this.#request;
		const fromInside = headers.get("x-envoy-internal") === "true";
		if (hidesGrpcFailures && isGrpc(headers.get("content-type"))) {
			this.cluster.stats.countHidden(status, fromInside);
			return;
		}
		this.cluster.stats.countStatus(status, fromInside);
		this.routeStats?.countStatus(status, fromInside);
		this.#altStats?.count(status);
	}

	timeout(): void {
		this.cluster.stats.upstreamRqTimeout.inc();
		this.routeStats?.upstreamRqTimeout.inc();
	}

	retrySuccess(): void {
		this.cluster.stats.upstreamRqRetrySuccess.inc();
		this.routeStats?.upstreamRqRetrySuccess.inc();
	}
}
