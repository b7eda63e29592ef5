import type { Random } from "../../lib/random.ts";

/** What a balancer needs to know of an endpoint; `cluster` owns the real thing. */
export interface LbHost {
	/** `ip:port`. */
	readonly address: string;
	/** At least 1. */
	readonly weight: number;
	readonly activeRequests: number;
}

/** Chooses among a fixed list of hosts. */
export interface Balancer<H extends LbHost> {
	/** Undefined only when the list is empty. `hash` comes from the route's hash policy; balancers without affinity ignore it. */
	pick(hash: bigint | undefined): H | undefined;
}

/** Makes a balancer over hosts; called anew when the list or a weight changes, never when `activeRequests` does. */
export type BalancerFactory = <H extends LbHost>(hosts: readonly H[], random: Random) => Balancer<H>;

/** True when every host has the same weight, so that the cheap unweighted way is exact. */
export function equallyWeighted(hosts: readonly LbHost[]): boolean {
	return hosts.every((host) => host.weight === hosts[0]!.weight);
}
