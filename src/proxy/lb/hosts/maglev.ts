import { xxHash64Utf8 } from "../../../lib/xx-hash64.ts";
import { type HashTableFactory, hashKeyOf, type LbHost, type TableStats, type WeightedHost } from "../balancer.ts";

/** Envoy's default table size; a table's size must be a prime. */
export const MAGLEV_TABLE_SIZE = 65537;

export interface MaglevOptions {
	readonly tableSize: number;
	readonly useHostname: boolean;
}

const ALL_BITS = 0xffff_ffff_ffff_ffffn;

/** MAGLEV: a fixed table that hosts fill in turn along their own permutations, by weight; a request's hash indexes it. */
export function maglev({ tableSize, useHostname }: MaglevOptions): HashTableFactory {
	return (hosts, stats) => {
		if (hosts.length === 0) return { pick: () => undefined };
		const { table, order } = buildTable(hosts, tableSize, useHostname, stats);
		const size = BigInt(tableSize);
		return {
			pick(hash, attempt) {
				// Further attempts change most bits of the hash, so that they spread over the hosts.
				const point = attempt > 0 ? hash ^ (ALL_BITS - BigInt(attempt) + 1n) : hash;
				return order[table[Number(point % size)]!];
			},
		};
	};
}

interface Entry<H> {
	readonly key: string;
	readonly host: H;
	readonly weight: number;
}

function buildTable<H extends LbHost>(
	hosts: readonly WeightedHost<H>[],
	size: number,
	useHostname: boolean,
	stats: TableStats,
): { readonly table: Int32Array; readonly order: readonly H[] } {
	// The order of the hosts must not matter: they are sorted by what is hashed.
	const entries = hosts
		.map(({ host, weight }): Entry<H> => ({ key: hashKeyOf(host, useHostname), host, weight }))
		.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
	const { table, counts } = fillTable(entries, size);
	stats("maglev_lb.min_entries_per_host", Math.min(...counts));
	stats("maglev_lb.max_entries_per_host", Math.max(...counts));
	return { table, order: entries.map(({ host }) => host) };
}

function fillTable(entries: readonly Entry<LbHost>[], size: number) {
	const table = new Int32Array(size).fill(-1);
	const counts = entries.map(() => 0);
	const highest = entries.reduce((most, { weight }) => Math.max(most, weight), 0);
	const walks = entries.map(({ key, weight }) => ({
		at: Number(xxHash64Utf8(key) % BigInt(size)),
		skip: Number(xxHash64Utf8(key, 1n) % BigInt(size - 1)) + 1,
		owed: 0,
		weight,
	}));
	for (let filled = 0, turn = 1; ; turn++) {
		for (const [i, walk] of walks.entries()) {
			// A host sits out turns until its share of them is due, so that slots come out by weight.
			if (turn * walk.weight < walk.owed) continue;
			walk.owed += highest;
			while (table[walk.at]! >= 0) walk.at = (walk.at + walk.skip) % size;
			table[walk.at] = i;
			walk.at = (walk.at + walk.skip) % size;
			counts[i]!++;
			if (++filled === size) return { table, counts };
		}
	}
}
