import type { LbHost } from "./balancer.ts";
import type { LevelHealth } from "./priority-load.ts";

export type HostHealth = "healthy" | "degraded" | "unhealthy";

/** A host with what decides whether and when it is asked. */
export interface PlacedHost<H extends LbHost> {
	readonly host: H;
	/** 0 = first choice. */
	readonly priority: number;
	readonly health: HostHealth;
	/** Not counted among its level's hosts when shares are made (Envoy: waits for its first health check, or was told to go at once). */
	readonly excluded: boolean;
	/** Key of the locality within its priority. */
	readonly locality: string;
	/** Weight of the locality; read only when balancing is by locality weights. */
	readonly localityWeight: number;
}

/** Hosts of one locality on one level. */
export interface LevelLocality<H> {
	readonly key: string;
	readonly weight: number;
	readonly all: H[];
	readonly healthy: H[];
	readonly degraded: H[];
	excluded: number;
}

/** The hosts of one priority. */
export interface HostLevel<H> {
	readonly all: H[];
	readonly healthy: H[];
	readonly degraded: H[];
	readonly localities: readonly LevelLocality<H>[];
	readonly health: LevelHealth;
}

/** Sorts hosts by priority and locality; at least one level. */
export function hostLevels<H extends LbHost>(placed: readonly PlacedHost<H>[], byWeight: boolean): HostLevel<H>[] {
	const highest = placed.reduce((most, { priority }) => Math.max(most, priority), 0);
	const levels: PlacedHost<H>[][] = Array.from({ length: highest + 1 }, () => []);
	for (const one of placed) levels[one.priority]!.push(one);
	return levels.map((level) => hostLevel(level, byWeight));
}

function hostLevel<H extends LbHost>(level: readonly PlacedHost<H>[], byWeight: boolean): HostLevel<H> {
	const localities = new Map<string, LevelLocality<H>>();
	const whole = { all: [] as H[], healthy: [] as H[], degraded: [] as H[] };
	for (const placed of level) {
		const { locality: key, localityWeight: weight } = placed;
		let locality = localities.get(key);
		if (!locality) {
			locality = { key, weight, all: [], healthy: [], degraded: [], excluded: 0 };
			localities.set(key, locality);
		}
		if (placed.excluded) locality.excluded++;
		addTo(whole, placed);
		addTo(locality, placed);
	}
	return { ...whole, localities: [...localities.values()], health: levelHealth(whole, level, byWeight) };
}

function addTo<H extends LbHost>(
	lists: { readonly all: H[]; readonly healthy: H[]; readonly degraded: H[] },
	{ host, health }: PlacedHost<H>,
): void {
	lists.all.push(host);
	if (health !== "unhealthy") lists[health].push(host);
}

function levelHealth<H extends LbHost>(
	{ all, healthy, degraded }: { all: readonly H[]; healthy: readonly H[]; degraded: readonly H[] },
	level: readonly PlacedHost<H>[],
	byWeight: boolean,
): LevelHealth {
	const excluded = level.filter((one) => one.excluded).map(({ host }) => host);
	const measure = byWeight ? weightOf : (hosts: readonly H[]) => hosts.length;
	return {
		healthy: measure(healthy),
		degraded: measure(degraded),
		total: measure(all) - measure(excluded),
		hosts: {
			healthy: healthy.length,
			degraded: degraded.length,
			counted: all.length - excluded.length,
			all: all.length,
		},
	};
}

function weightOf(hosts: readonly LbHost[]): number {
	return hosts.reduce((sum, { weight }) => sum + weight, 0);
}
