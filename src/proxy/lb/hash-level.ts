import type { HashTable, LbHost, WeightedHost } from "./balancer.ts";
import type { HostLevel } from "./host-level.ts";
import { boundedLoad } from "./hosts/bounded-load.ts";
import type { HostBalancerOptions } from "./hosts/host-balancer-options.ts";

/** The table of one level. */
export type HashLevel<H extends LbHost> = HashTable<H>;

/** Builds the table over the healthy hosts of a level; in panic over all of them. */
export function hashLevel<H extends LbHost>(
	level: HostLevel<H>,
	inPanic: boolean,
	options: HostBalancerOptions,
): HashLevel<H> {
	const { policy, stats, activeRequests } = options;
	if (policy.kind !== "hash") throw new Error("this policy has no hash table");
	const source = inPanic ? "all" : "healthy";
	const hosts = options.byLocalityWeight ? weighedByLocality(level, source) : weigh(level[source], 1);
	const table = policy.make(hosts, stats);
	if (policy.boundedLoadPercent === 0) return table;
	return boundedLoad({ table, hosts, percent: policy.boundedLoadPercent, activeRequests });
}

/** Each host's part of all weights, times `share`. */
function weigh<H extends LbHost>(hosts: readonly H[], share: number): WeightedHost<H>[] {
	const total = hosts.reduce((sum, { weight }) => sum + weight, 0);
	return hosts.map((host) => ({ host, weight: (host.weight * share) / total }));
}

/** Localities share by their weights, whatever their health; one with weight 0 gets nothing. */
function weighedByLocality<H extends LbHost>(level: HostLevel<H>, source: "all" | "healthy"): WeightedHost<H>[] {
	const total = level.localities.reduce((sum, { weight }) => sum + weight, 0);
	return level.localities.flatMap((locality) =>
		locality.weight === 0 ? [] : weigh(locality[source], locality.weight / total),
	);
}
