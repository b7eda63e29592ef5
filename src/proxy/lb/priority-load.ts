/** What can serve on one priority level; numbers of hosts, or sums of their weights with `weighted_priority_health`. */
export interface LevelHealth {
	readonly healthy: number;
	readonly degraded: number;
	/** Hosts that are not excluded (those that wait for their first health check are). */
	readonly total: number;
	/** Numbers of hosts, whatever their weights: what panic looks at. */
	readonly hosts: {
		readonly healthy: number;
		readonly degraded: number;
		readonly counted: number;
		readonly all: number;
	};
}

export interface PriorityLoadOptions {
	/** A level counts as whole while `healthy / total` times this is at least 100; Envoy's default is 140. */
	readonly overprovisioningPercent: number;
	/** Below this percentage of healthy hosts a level is in panic and uses all its hosts; 0 = never. */
	readonly panicThresholdPercent: number;
}

/** Whole percents per level; those of both lists together add up to 100. */
export interface PriorityLoad {
	readonly healthy: readonly number[];
	/** To degraded hosts, which get what healthy ones cannot carry. */
	readonly degraded: readonly number[];
	/** Levels that send to their unhealthy hosts too. */
	readonly inPanic: readonly boolean[];
}

/**
 * Spreads requests over priority levels exactly as Envoy does (LoadBalancerBase, in whole percents): each level takes what its health
 * times the overprovisioning factor can carry, the rest spills to the next; panic is looked at only when all together cannot carry
 * everything. `levels` has at least one entry.
 */
export function priorityLoad(levels: readonly LevelHealth[], options: PriorityLoadOptions): PriorityLoad {
	const share = (part: number, total: number) =>
		total === 0 ? 0 : Math.min(100, Math.floor((options.overprovisioningPercent * part) / total));
	const health = levels.map(({ healthy, total }) => share(healthy, total));
	const degraded = levels.map((level) => share(level.degraded, level.total));
	const available = Math.min(100, sum(health) + sum(degraded));
	if (options.panicThresholdPercent === 0 && available === 0) return toFirst(levels);
	const inPanic = levels.map((level) => available !== 100 && isInPanic(level, options.panicThresholdPercent));
	if (inPanic.every((panic) => panic)) return { ...byHostCount(levels), inPanic };
	return { ...spread(health, degraded, available), inPanic };
}

function isInPanic({ hosts: { healthy, degraded, counted } }: LevelHealth, thresholdPercent: number): boolean {
	const percent = counted === 0 ? 0 : (100 * healthy) / counted + (100 * degraded) / counted;
	return percent < thresholdPercent;
}

function spread(
	health: readonly number[],
	degraded: readonly number[],
	available: number,
): Pick<PriorityLoad, "healthy" | "degraded"> {
	let left = 100;
	const take = (part: number) => {
		const load = Math.min(left, Math.floor((part * 100) / available));
		left -= load;
		return load;
	};
	const toHealthy = health.map(take);
	const toDegraded = degraded.map(take);
	// What is left are rounding errors.
	const first = health.findIndex((part) => part > 0);
	if (first >= 0) toHealthy[first]! += left;
	else {
		const firstDegraded = degraded.findIndex((part) => part > 0);
		if (firstDegraded >= 0) toDegraded[firstDegraded]! += left;
	}
	return { healthy: toHealthy, degraded: toDegraded };
}

/** Every level is in panic: by number of hosts, whatever their health. */
function byHostCount(levels: readonly LevelHealth[]): Pick<PriorityLoad, "healthy" | "degraded"> {
	const total = sum(levels.map(({ hosts }) => hosts.all));
	if (total === 0) return toFirst(levels);
	const healthy = levels.map(({ hosts }) => Math.floor((100 * hosts.all) / total));
	healthy[levels.findIndex(({ hosts }) => hosts.all > 0)]! += 100 - sum(healthy);
	return { healthy, degraded: levels.map(() => 0) };
}

/** Nothing can serve: where the load goes does not matter. */
function toFirst(levels: readonly LevelHealth[]): PriorityLoad {
	return {
		healthy: levels.map((_, p) => (p === 0 ? 100 : 0)),
		degraded: levels.map(() => 0),
		inPanic: levels.map(() => false),
	};
}

function sum(values: readonly number[]): number {
	return values.reduce((total, value) => total + value, 0);
}
