import type { Random } from "../../lib/random.ts";
import type { LbHost } from "./balancer.ts";
import type { HostLevel, LevelLocality } from "./host-level.ts";

/** Zone-aware routing as configured (Envoy: ZoneAwareLbConfig); on by default wherever there is a local cluster. */
export interface ZoneConfig {
	/** Percentage of requests that are looked at. */
	readonly enabledPercent: number;
	/** With fewer healthy hosts than this zones do not count. */
	readonly minClusterSize: number;
	/** Everything stays in the own locality while it has this many healthy hosts; undefined: never just for that. */
	readonly forceLocalMinSize: number | undefined;
	/** Localities are compared by the weights of their hosts instead of their number. */
	readonly byWeight: boolean;
}

export const ZONE_DEFAULTS: ZoneConfig = {
	enabledPercent: 100,
	minClusterSize: 6,
	forceLocalMinSize: undefined,
	byWeight: false,
};

/** The hosts of the local cluster: this proxy and its like, by locality. */
export interface LocalZones {
	/** Locality of this proxy; undefined when its node says none. */
	readonly own: string | undefined;
	readonly localities: readonly LevelLocality<LbHost>[];
	/** Percentage of its hosts that are healthy or degraded. */
	readonly availablePercent: number;
}

/** What zone-aware routing needs to know. */
export interface ZoneContext {
	readonly config: ZoneConfig;
	readonly local: LocalZones;
	/** Counters below the cluster's scope. */
	count(name: string): void;
}

/** Which locality of a level gets a request. */
export interface ZoneRouter<H extends LbHost> {
	/** "any": zones do not count this time. "none": there is no host for it. */
	choose(): LevelLocality<H> | "any" | "none";
}

interface ZoneRules {
	readonly panicThresholdPercent: number;
	readonly failOnPanic: boolean;
	readonly random: Random;
}

/** Basis points, as Envoy computes: whole numbers, rounded down. */
const WHOLE = 10_000;

/**
 * Keeps requests in the own locality as far as its hosts can carry the share of proxies that are there, and gives the rest to localities
 * with room (Envoy: ZoneAwareLoadBalancerBase). Undefined: zones do not count on this level.
 */
export function zoneRouter<H extends LbHost>(
	level: HostLevel<H>,
	zones: ZoneContext,
	rules: ZoneRules,
): ZoneRouter<H> | undefined {
	zones.count("lb_recalculate_zone_structures");
	if (!zonesCount(level, zones)) return undefined;
	const { local, count } = zones;
	const { enabledPercent } = zones.config;
	const inPanic = local.availablePercent < rules.panicThresholdPercent;
	const pick = localityPicker(level, zones, rules.random);
	return {
		choose() {
			if (rules.random.below(100) >= enabledPercent) return "any";
			if (!inPanic) return pick();
			count("lb_local_cluster_not_ok");
			return rules.failOnPanic ? "none" : "any";
		},
	};
}

function zonesCount<H extends LbHost>({ localities, healthy }: HostLevel<H>, zones: ZoneContext): boolean {
	const { config, local, count } = zones;
	if (localities.length < 2) return false;
	if (config.forceLocalMinSize === undefined && local.localities.length < 2) return false;
	if (local.own === undefined || !local.localities.some(({ key }) => key === local.own)) {
		count("lb_local_cluster_not_ok");
		return false;
	}
	if (healthy.length >= config.minClusterSize) return true;
	count("lb_zone_cluster_too_small");
	return false;
}

function localityPicker<H extends LbHost>(
	level: HostLevel<H>,
	{ config, local, count }: ZoneContext,
	random: Random,
): () => LevelLocality<H> {
	const [upstreamShares, localShares] = [
		sharesOf(level.localities, config.byWeight),
		sharesOf(local.localities, config.byWeight),
	];
	const own = level.localities.find(({ key }) => key === local.own);
	const others = level.localities.filter((one) => one !== own).sort((a, b) => (a.key < b.key ? -1 : 1));
	const ownUpstream = own ? upstreamShares.get(own.key)! : 0;
	// Envoy cannot tell the locality of a group without healthy hosts and takes its local share for 0.
	const ownLocal = own && own.healthy.length > 0 ? (localShares.get(own.key) ?? 0) : 0;
	const forced = config.forceLocalMinSize !== undefined && (own?.healthy.length ?? 0) >= config.forceLocalMinSize;
	if (own && (forced || (ownUpstream > 0 && ownUpstream >= ownLocal)))
		return () => {
			count("lb_zone_routing_all_directly");
			return own;
		};
	const stays = own && ownLocal > 0 ? Math.floor((ownUpstream * WHOLE) / ownLocal) : 0;
	const room = others.map(({ key }) => Math.max(0, upstreamShares.get(key)! - (localShares.get(key) ?? 0)));
	const allRoom = room.reduce((sum, one) => sum + one, 0);
	const all = own ? [own, ...others] : others;
	return () => {
		if (own && random.below(WHOLE) < stays) {
			count("lb_zone_routing_sampled");
			return own;
		}
		count("lb_zone_routing_cross_zone");
		if (allRoom === 0) {
			count("lb_zone_no_capacity_left");
			return all[random.below(all.length)]!;
		}
		return others[bucketOf(room, random.below(allRoom))]!;
	};
}

/** The bucket that a point falls into when they stand in a row; `point` is less than all of them together. */
function bucketOf(sizes: readonly number[], point: number): number {
	let at = 0;
	for (let left = point - sizes[0]!; left >= 0; left -= sizes[at]!) at++;
	return at;
}

/** Each locality's part of the healthy hosts, in basis points. */
function sharesOf(localities: readonly LevelLocality<LbHost>[], byWeight: boolean): ReadonlyMap<string, number> {
	const measure = (hosts: readonly LbHost[]) =>
		byWeight ? hosts.reduce((sum, { weight }) => sum + weight, 0) : hosts.length;
	const total = localities.reduce((sum, { healthy }) => sum + measure(healthy), 0);
	return new Map(
		localities.map(({ key, healthy }) => [key, total === 0 ? 0 : Math.floor((WHOLE * measure(healthy)) / total)]),
	);
}
