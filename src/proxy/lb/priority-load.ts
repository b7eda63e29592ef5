/** How much of the hosts of one priority level can serve. */
export interface LevelHealth {
	readonly healthy: number;
	readonly total: number;
}

export interface PriorityLoadOptions {
	/** A level counts as whole while `healthy / total * factor` is at least 1; Envoy's default is 1.4. */
	readonly overprovisioningFactor: number;
	/** Below this percentage of healthy hosts a level is in panic and uses all its hosts; 0 = never. */
	readonly panicThresholdPercent: number;
}

export interface PriorityLoad {
	/** Share of the requests per level, percent, adding up to 100 (or all 0 when there is no host at all). */
	readonly percents: readonly number[];
	/** Levels that send to their unhealthy hosts too. */
	readonly inPanic: readonly boolean[];
}

/**
 * Spreads requests over priority levels as Envoy does: each level takes what its health (times the overprovisioning
 * factor) can carry, the rest spills to the next; panic is looked at only when all levels together cannot carry everything.
 */
export function priorityLoad(levels: readonly LevelHealth[], options: PriorityLoadOptions): PriorityLoad {
	const health = levels.map(({ healthy, total }) =>
		total === 0 ? 0 : Math.min(100, (100 * options.overprovisioningFactor * healthy) / total),
	);
	const carried = Math.min(100, sum(health));
	const inPanic = levels.map(
		({ healthy, total }) => carried < 100 && total > 0 && (100 * healthy) / total < options.panicThresholdPercent,
	);
	const someInPanic = levels.some(({ total }, p) => total > 0 && inPanic[p]);
	if (carried === 0 || levels.every(({ total }, p) => total === 0 || inPanic[p])) {
		return { percents: someInPanic ? byHostCount(levels) : levels.map(() => 0), inPanic };
	}
	let left = 100;
	const percents = health.map((value) => {
		const share = Math.min(left, (value * 100) / carried);
		left -= share;
		return share;
	});
	return { percents, inPanic };
}

/** Every level is in panic: by number of hosts, whatever their health. */
function byHostCount(levels: readonly LevelHealth[]): number[] {
	const total = sum(levels.map((level) => level.total));
	return levels.map((level) => (total === 0 ? 0 : (100 * level.total) / total));
}

function sum(values: readonly number[]): number {
	return values.reduce((total, value) => total + value, 0);
}
