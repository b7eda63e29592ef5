import { murmurHash2Utf8 } from "../../../lib/murmur-hash2.ts";
import { xxHash64Utf8 } from "../../../lib/xx-hash64.ts";
import { type HashTableFactory, hashKeyOf, type LbHost, type TableStats, type WeightedHost } from "../balancer.ts";

export interface RingHashOptions {
	/** Envoy's defaults: 1024 and 8 388 608. */
	readonly minimumRingSize: number;
	readonly maximumRingSize: number;
	readonly hash: "xx" | "murmur2";
	readonly useHostname: boolean;
}

/**
 * RING_HASH (ketama): every host owns points on a ring in proportion to its weight, a request goes to the first point at or
 * after its hash. Adding or removing a host moves only about its own share.
 */
export function ringHash(options: RingHashOptions): HashTableFactory {
	return (hosts, stats) => {
		const ring = buildRing(hosts, options, stats);
		const size = ring.points.length;
		return {
			pick(hash, attempt) {
				if (size === 0) return undefined;
				return hosts[ring.owners[(firstAtOrAfter(ring.points, hash) + attempt) % size]!]!.host;
			},
		};
	};
}

/** Index of the first point not before `point`, 0 beyond the last: the ring closes. */
function firstAtOrAfter(points: BigUint64Array, point: bigint): number {
	let low = 0;
	let high = points.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (points[middle]! < point) low = middle + 1;
		else high = middle;
	}
	return low === points.length ? 0 : low;
}

interface Ring {
	/** Ascending. */
	readonly points: BigUint64Array;
	/** Index of the host that a point belongs to. */
	readonly owners: Uint32Array;
}

function buildRing<H extends LbHost>(
	hosts: readonly WeightedHost<H>[],
	options: RingHashOptions,
	stats: TableStats,
): Ring {
	const least = hosts.reduce((min, { weight }) => Math.min(min, weight), 1);
	// The scale makes the lightest host own whole points while the ring has its minimum size.
	const scale =
		hosts.length === 0 ? 0 : Math.min(Math.ceil(least * options.minimumRingSize) / least, options.maximumRingSize);
	const digest = options.hash === "xx" ? xxHash64Utf8 : murmurHash2Utf8;
	const points: bigint[] = [];
	const owners: number[] = [];
	let target = 0;
	let [fewest, most] = [Math.ceil(scale), 0];
	for (const [i, { host, weight }] of hosts.entries()) {
		target += scale * weight;
		const key = hashKeyOf(host, options.useHostname);
		let own = 0;
		for (; points.length < target; own++) {
			points.push(digest(`${key}_${own}`));
			owners.push(i);
		}
		fewest = Math.min(fewest, own);
		most = Math.max(most, own);
	}
	if (hosts.length > 0) {
		stats("ring_hash_lb.size", Math.ceil(scale));
		stats("ring_hash_lb.min_hashes_per_host", fewest);
		stats("ring_hash_lb.max_hashes_per_host", most);
	}
	return sorted(points, owners);
}

function sorted(points: readonly bigint[], owners: readonly number[]): Ring {
	const order = Uint32Array.from(points, (_, i) => i).sort((a, b) =>
		points[a]! < points[b]! ? -1 : points[a]! > points[b]! ? 1 : 0,
	);
	return {
		points: BigUint64Array.from(order, (i) => points[i]!),
		owners: order.map((i) => owners[i]!),
	};
}
