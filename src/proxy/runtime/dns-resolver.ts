import { lookup, Resolver } from "node:dns/promises";
import type { DnsAnswer, DnsResolver } from "../cluster/dns-discovery.ts";
import type { DnsFamily } from "../cluster/dns-family.ts";

/**
 * The system's own resolution (hosts file included). With a name server that one is asked first, its answers carry their TTL;
 * names that it does not know are the system's.
 */
export function dnsResolver(server: string | undefined): DnsResolver {
	const resolver = new Resolver({ timeout: 5000, tries: 2 });
	if (server) resolver.setServers([server]);
	const query: Query = server
		? (name, family) => ask(resolver, name, family).catch(() => system(name, family))
		: system;
	return {
		async resolve(name, family) {
			const answers = await firstUsable(name, family, query);
			const ttls = answers.flatMap(({ ttlMs }) => ttlMs ?? []);
			return {
				addresses: answers.flatMap(({ addresses }) => addresses),
				ttlMs: ttls.length === 0 ? undefined : Math.min(...ttls),
			};
		},
	};
}

type Query = (name: string, family: 4 | 6) => Promise<DnsAnswer>;

const ORDER: Readonly<Record<Exclude<DnsFamily, "all">, readonly (4 | 6)[]>> = {
	v4: [4],
	v6: [6],
	"v4-preferred": [4, 6],
	"v6-preferred": [6, 4],
};

async function firstUsable(name: string, family: DnsFamily, query: Query): Promise<DnsAnswer[]> {
	if (family === "all") {
		const settled = await Promise.allSettled([query(name, 4), query(name, 6)]);
		const good = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
		if (good.length > 0) return good;
		throw (settled[0] as PromiseRejectedResult).reason;
	}
	let failure: unknown;
	let empty: DnsAnswer | undefined;
	for (const one of ORDER[family]) {
		try {
			const answer = await query(name, one);
			if (answer.addresses.length > 0) return [answer];
			empty = answer;
		} catch (error) {
			failure ??= error;
		}
	}
	if (empty) return [empty];
	throw failure;
}

async function system(name: string, family: 4 | 6): Promise<DnsAnswer> {
	const found = await orNone(lookup(name, { family, all: true }));
	return { addresses: found.map(({ address }) => address), ttlMs: undefined };
}

async function ask(resolver: Resolver, name: string, family: 4 | 6): Promise<DnsAnswer> {
	const records = await (family === 4
		? resolver.resolve4(name, { ttl: true })
		: resolver.resolve6(name, { ttl: true }));
	if (records.length === 0) throw new Error(`${name} has no address`);
	return { addresses: records.map(({ address }) => address), ttlMs: 1000 * Math.min(...records.map(({ ttl }) => ttl)) };
}

/** A name that does not exist, or has no address, is an answer; everything else is a failure to get one. */
async function orNone<T>(query: Promise<T[]>): Promise<T[]> {
	try {
		return await query;
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "ENOTFOUND" || code === "ENODATA") return [];
		throw error;
	}
}
