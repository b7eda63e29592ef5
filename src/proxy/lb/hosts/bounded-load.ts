import type { HashTable, LbHost, WeightedHost } from "../balancer.ts";
import { MersenneTwister } from "./mersenne-twister.ts";

interface BoundedLoad<H extends LbHost> {
	readonly table: HashTable<H>;
	readonly hosts: readonly WeightedHost<H>[];
	/** No host gets more than this percentage of the average of active requests (`hash_balance_factor`). */
	readonly percent: number;
	/** Active requests of the whole cluster. */
	activeRequests(): number;
}

/** Consistent hashing with bounded loads: an overloaded host's requests go to others, in an order that only the hash decides. */
export function boundedLoad<H extends LbHost>(on: BoundedLoad<H>): HashTable<H> {
	const weights = new Map(on.hosts.map(({ host, weight }) => [host, weight]));
	return {
		pick(hash, attempt) {
			const first = on.table.pick(hash, attempt);
			if (first === undefined) return undefined;
			const load = overload(on, first, weights.get(first) ?? 0);
			return load <= 1 ? first : leastOverloaded(on, hash, { host: first, load });
		},
	};
}

/** Above 1: busier than its share of the slots. */
function overload<H extends LbHost>({ percent, activeRequests }: BoundedLoad<H>, host: H, weight: number): number {
	const slots = Math.floor(((activeRequests() + 1) * percent + 99) / 100);
	return host.activeRequests / Math.max(1, Math.ceil(slots * weight));
}

/** Walks the hosts in a shuffle seeded by the hash; the first that is not overloaded, or the least overloaded of all. */
function leastOverloaded<H extends LbHost>(on: BoundedLoad<H>, hash: bigint, first: { host: H; load: number }): H {
	const order = on.hosts.map((_, i) => i);
	const random = new MersenneTwister(Number(hash & 0xffff_ffffn));
	let best = first;
	for (let i = 0; i < order.length; i++) {
		const j = i + random.below(order.length - i);
		[order[i], order[j]] = [order[j]!, order[i]!];
		const { host, weight } = on.hosts[order[i]!]!;
		if (host === first.host) continue;
		const load = overload(on, host, weight);
		if (load <= 1) return host;
		if (load < best.load) best = { host, load };
	}
	return best.host;
}
