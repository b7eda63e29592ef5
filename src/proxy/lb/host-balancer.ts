import type { Random } from "../../lib/random.ts";
import type { Balancer, BalancerFactory, LbHost } from "./balancer.ts";
import { EdfSchedule } from "./edf-schedule.ts";
import { type PriorityLoad, type PriorityLoadOptions, priorityLoad } from "./priority-load.ts";

/** A host with what decides whether and when it is asked. */
export interface PlacedHost<H extends LbHost> {
	readonly host: H;
	/** 0 = first choice. */
	readonly priority: number;
	readonly healthy: boolean;
	/** Key of the locality within its priority. */
	readonly locality: string;
	/** Weight of the locality; read only when balancing is by locality weights. */
	readonly localityWeight: number;
}

export interface HostBalancerOptions extends PriorityLoadOptions {
	readonly factory: BalancerFactory;
	readonly byLocalityWeight: boolean;
	/** In panic: no host at all instead of all hosts (`fail_traffic_on_panic`). */
	readonly failOnPanic: boolean;
	readonly random: Random;
}

export interface HostBalancer<H extends LbHost> {
	/** `avoid`: levels that get nothing while another one has a healthy host (Envoy: previous_priorities). */
	pick(hash: bigint | undefined, avoid?: ReadonlySet<number>): H | undefined;
	/** True when the last pick came out of a level in panic. */
	readonly pickedInPanic: boolean;
}

/**
 * Picks level, then locality (if weighted), then host. Immutable: make a new one when a host comes, goes, or changes health
 * or weight.
 */
export function hostBalancer<H extends LbHost>(
	placed: readonly PlacedHost<H>[],
	options: HostBalancerOptions,
): HostBalancer<H> {
	const highest = placed.reduce((most, { priority }) => Math.max(most, priority), -1);
	const levels = Array.from({ length: highest + 1 }, (_, p) => placed.filter(({ priority }) => priority === p));
	const health = levels.map((level) => ({ healthy: level.filter((h) => h.healthy).length, total: level.length }));
	const load = priorityLoad(health, options);
	/** The shares when some levels are left out; all of them when nothing healthy remains. */
	const loadWithout = (avoid: ReadonlySet<number>): PriorityLoad => {
		const rest = health.map((level, p) => (avoid.has(p) ? { healthy: 0, total: 0 } : level));
		return rest.some(({ healthy }) => healthy > 0) ? priorityLoad(rest, options) : load;
	};
	const balancers = levels.map((level, p) => levelBalancer(level, load.inPanic[p]!, options));
	let pickedInPanic = false;
	return {
		pick(hash, avoid) {
			const shares = avoid && avoid.size > 0 ? loadWithout(avoid) : load;
			const level = pickLevel(shares, hash, options.random);
			pickedInPanic = level >= 0 && load.inPanic[level]!;
			return level < 0 ? undefined : balancers[level]!.pick(hash);
		},
		get pickedInPanic() {
			return pickedInPanic;
		},
	};
}

function pickLevel(load: PriorityLoad, hash: bigint | undefined, random: Random): number {
	const { percents } = load;
	if (percents[0] !== undefined && percents[0] >= 100) return 0;
	let point = hash === undefined ? random.unit() * 100 : Number(BigInt.asUintN(64, hash) % 100n);
	let last = -1;
	for (const [level, percent] of percents.entries()) {
		if (percent === 0) continue;
		last = level;
		if (point < percent) return level;
		point -= percent;
	}
	return last;
}

function levelBalancer<H extends LbHost>(
	level: readonly PlacedHost<H>[],
	inPanic: boolean,
	options: HostBalancerOptions,
): Balancer<H> {
	if (inPanic && options.failOnPanic) return { pick: () => undefined };
	const usable = inPanic ? level : level.filter(({ healthy }) => healthy);
	if (!options.byLocalityWeight)
		return options.factory(
			usable.map(({ host }) => host),
			options.random,
		);
	return localityBalancer(level, usable, options);
}

/**
 * Localities by weight, each weight shrunk by the health of its locality (Envoy: locality weighted load balancing).
 * The schedule keeps its place while hosts of a locality are picked by the policy.
 */
function localityBalancer<H extends LbHost>(
	level: readonly PlacedHost<H>[],
	usable: readonly PlacedHost<H>[],
	options: HostBalancerOptions,
): Balancer<H> {
	const localities = [...new Set(usable.map(({ locality }) => locality))].flatMap((key) => {
		const all = level.filter(({ locality }) => locality === key);
		const hosts = usable.filter(({ locality }) => locality === key);
		const health = Math.min(1, (options.overprovisioningFactor * hosts.length) / all.length);
		const weight = all[0]!.localityWeight * health;
		return weight > 0
			? [
					{
						weight,
						balancer: options.factory(
							hosts.map(({ host }) => host),
							options.random,
						),
					},
				]
			: [];
	});
	const schedule = new EdfSchedule(localities, ({ weight }) => weight, options.random);
	return { pick: (hash) => schedule.next()?.balancer.pick(hash) };
}
