import type { Random } from "../../lib/random.ts";

/** What a balancer needs to know of an endpoint; `cluster` owns the real thing. */
export interface LbHost {
	/** `ip:port`. */
	readonly address: string;
	/** Name of the endpoint, "" when it has none; hashed instead of the address when the policy says so. */
	readonly hostname: string;
	/** Hashed instead of both (endpoint metadata `envoy.lb: {hash_key}`). */
	readonly hashKey: string | undefined;
	/** At least 1, unless the host is warming up. */
	readonly weight: number;
	/** The host is new and its weight grows (slow start). */
	readonly warming: boolean;
	readonly activeRequests: number;
}

/** Chooses among a fixed list of hosts, none of which is out of service. */
export interface HostChooser<H extends LbHost> {
	/** Undefined only when the list is empty. */
	pick(): H | undefined;
}

/** What outlasts a new list of the same hosts' kind, so that turns do not begin anew at each update. */
export interface TurnMemory {
	turn: number;
}

/** Makes a chooser over hosts; called anew when the list or a weight changes, never when `activeRequests` does. */
export type ChooserFactory = <H extends LbHost>(
	hosts: readonly H[],
	random: Random,
	memory: TurnMemory,
) => HostChooser<H>;

/** A host with its part of all weights; parts add up to 1. */
export interface WeightedHost<H extends LbHost> {
	readonly host: H;
	readonly weight: number;
}

/** Chooses by a hash: the same one for the same hash. */
export interface HashTable<H extends LbHost> {
	/** `attempt` counts from 0; each further one looks for another host. */
	pick(hash: bigint, attempt: number): H | undefined;
}

/** What the hashing policies tell of their table: gauges below the cluster's scope. */
export type TableStats = (name: string, value: number) => void;

export type HashTableFactory = <H extends LbHost>(hosts: readonly WeightedHost<H>[], stats: TableStats) => HashTable<H>;

/** How a cluster balances: hosts in some order, or by a hash of the request. */
export type BalancingPolicy =
	| { readonly kind: "order"; readonly make: ChooserFactory }
	| { readonly kind: "hash"; readonly make: HashTableFactory; readonly boundedLoadPercent: number };

/** True when the cheap unweighted way is exact: equal weights that stay so. */
export function equallyWeighted(hosts: readonly LbHost[]): boolean {
	return hosts.every((host) => host.weight === hosts[0]!.weight && !host.warming);
}

/** What stands for a host in hash tables. */
export function hashKeyOf(host: LbHost, useHostname: boolean): string {
	return host.hashKey ?? (useHostname && host.hostname !== "" ? host.hostname : host.address);
}
