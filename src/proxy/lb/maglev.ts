import { xxHash64Utf8 } from "../../lib/xx-hash64.ts";
import type { BalancerFactory, LbHost } from "./balancer.ts";
import { randomPoint } from "./ring-hash.ts";

/** Envoy's default table size; a table's size must be a prime. */
export const MAGLEV_TABLE_SIZE = 65537;

/**
 * MAGLEV: a fixed table that hosts fill in turn along their own permutations, by weight; a request's hash indexes it.
 * Without a hash the index is random.
 */
export function maglev(tableSize: number): BalancerFactory {
	return (hosts, random) => {
		if (hosts.length === 0) return { pick: () => undefined };
		const table = buildTable(hosts, tableSize);
		const size = BigInt(tableSize);
		return {
			pick: (hash) =>
				hosts[table[Number((hash === undefined ? randomPoint(random) : BigInt.asUintN(64, hash)) % size)]!],
		};
	};
}

function buildTable(hosts: readonly LbHost[], size: number): Int32Array {
	const table = new Int32Array(size).fill(-1);
	const maxWeight = hosts.reduce((most, host) => Math.max(most, host.weight), 0);
	const entries = hosts.map((host) => ({
		offset: Number(xxHash64Utf8(host.address) % BigInt(size)),
		skip: Number(xxHash64Utf8(host.address, 1n) % BigInt(size - 1)) + 1,
		step: 0,
		owed: 0,
		weight: host.weight,
	}));
	for (let filled = 0, turn = 1; ; turn++) {
		for (const [i, entry] of entries.entries()) {
			// A host sits out turns until its share of them is due, so that slots come out by weight.
			if (turn * entry.weight < entry.owed) continue;
			entry.owed += maxWeight;
			let slot = (entry.offset + entry.skip * entry.step) % size;
			while (table[slot]! >= 0) slot = (entry.offset + entry.skip * ++entry.step) % size;
			table[slot] = i;
			entry.step++;
			if (++filled === size) return table;
		}
	}
}
