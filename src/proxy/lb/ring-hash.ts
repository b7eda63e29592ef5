import { xxHash64Utf8 } from "../../lib/xx-hash64.ts";
import type { BalancerFactory, LbHost } from "./balancer.ts";

export interface RingHashOptions {
	/** Envoy's defaults: 1024 and 8 388 608. */
	readonly minimumRingSize: number;
	readonly maximumRingSize: number;
}

/**
 * RING_HASH (ketama): every host owns points on a ring in proportion to its weight, a request goes to the first point at or
 * after its hash. Adding or removing a host moves only about its own share. Without a hash the point is random.
 */
export function ringHash(options: RingHashOptions): BalancerFactory {
	return (hosts, random) => {
		const ring = buildRing(hosts, options);
		return {
			pick(hash) {
				if (ring.length === 0) return undefined;
				const point = hash === undefined ? randomPoint(random) : BigInt.asUintN(64, hash);
				return ring[firstAtOrAfter(ring, point)]!.host;
			},
		};
	};
}

/** Index of the first point not before `point`, 0 beyond the last: the ring closes. */
function firstAtOrAfter(ring: readonly { readonly point: bigint }[], point: bigint): number {
	let low = 0;
	let high = ring.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (ring[middle]!.point < point) low = middle + 1;
		else high = middle;
	}
	return low === ring.length ? 0 : low;
}

/** A 64-bit number out of two draws. */
export function randomPoint(random: { below(n: number): number }): bigint {
	return (BigInt(random.below(0x100000000)) << 32n) | BigInt(random.below(0x100000000));
}

function buildRing<H extends LbHost>(hosts: readonly H[], options: RingHashOptions) {
	const total = hosts.reduce((sum, host) => sum + host.weight, 0);
	const shares = hosts.map((host) => host.weight / total);
	const least = shares.reduce((min, share) => Math.min(min, share), 1);
	// The scale makes the lightest host own whole points while the ring has its minimum size.
	const scale = Math.min(Math.ceil(least * options.minimumRingSize) / least, options.maximumRingSize);
	const ring: { point: bigint; host: H }[] = [];
	let target = 0;
	let made = 0;
	for (const [i, host] of hosts.entries()) {
		target += scale * shares[i]!;
		for (let n = 0; made < target; n++, made++) ring.push({ point: xxHash64Utf8(`${host.address}_${n}`), host });
	}
	return ring.sort((a, b) => (a.point < b.point ? -1 : a.point > b.point ? 1 : 0));
}
