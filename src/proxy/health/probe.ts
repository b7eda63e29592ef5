import type { UpstreamCluster } from "../cluster/cluster.ts";
import type { CheckResult } from "../cluster/health/check-session.ts";
import type { TransportWishes } from "../tls/upstream/upstream-transport.ts";
import type { UpstreamContext } from "../upstream/host-pool.ts";
import type { ProbeHost } from "./probe-target.ts";

/** One host's way of asking; asks one question at a time. */
export interface Probe {
	/** Asks; `done` is called at most once, never before `ask` has returned, and not after `giveUp`. */
	ask(done: (result: CheckResult) => void): void;
	/** No answer came in time. */
	giveUp(): void;
	/** The host is no longer checked. */
	close(): void;
}

/** What a probe asks over: connections of its own, as its cluster's are but for what the check's configuration says. */
export interface ProbeRoute {
	readonly host: ProbeHost;
	readonly cluster: UpstreamCluster;
	readonly context: UpstreamContext;
	readonly wishes: TransportWishes;
}
