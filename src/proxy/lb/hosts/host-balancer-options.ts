import type { Random } from "../../../lib/random.ts";
import type { BalancingPolicy, TableStats, TurnMemory } from "../balancer.ts";
import type { PriorityLoadOptions } from "../priority-load.ts";
import type { ZoneContext } from "../zone-routing.ts";

/** What a `HostBalancer` is made with. */
export interface HostBalancerOptions extends PriorityLoadOptions {
	readonly policy: BalancingPolicy;
	readonly byLocalityWeight: boolean;
	/** Shares of levels by the weights of their hosts instead of their number (`weighted_priority_health`). */
	readonly weightedPriorityHealth: boolean;
	/** In panic: no host at all instead of all hosts (`fail_traffic_on_panic`); hashing policies do not look at it. */
	readonly failOnPanic: boolean;
	/** Undefined: zones do not count; hashing policies do not look at them. */
	readonly zones?: ZoneContext | undefined;
	readonly random: Random;
	/** Turns per list of hosts; the caller keeps it from one balancer to the next. */
	readonly turns: Map<string, TurnMemory>;
	readonly stats: TableStats;
	/** Requests in flight of the whole cluster, for bounded loads. */
	activeRequests(): number;
	/** A pick came out of a level in panic. */
	onPanic(): void;
}
