import type { Clock } from "../../lib/clock.ts";
import type { UpstreamCluster } from "../cluster/cluster.ts";
import type { Deadlines } from "../http/deadlines.ts";
import type { UpstreamUser } from "./upstream-user.ts";

/** What pools need of the worker. */
export interface UpstreamContext {
	readonly clock: Clock;
	readonly deadlines: Deadlines;
}

/** The connections of one protocol to one endpoint; waiting and connections are counted by the cluster's circuit breakers. */
export interface HostPool {
	/** Gives `user` a channel now or later, or tells it why not. */
	acquire(cluster: UpstreamCluster, user: UpstreamUser): void;
	/** Takes back a request that waits; a connection that is on its way is kept for the next one. */
	cancel(user: UpstreamUser): void;
	/** The endpoint has left (idle connections close), or all connections to it are to be cut. */
	retire(how: "left" | "cut"): void;
}
