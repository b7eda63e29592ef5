import { getServers, lookup, Resolver } from "node:dns/promises";
import type { ResolverConfig } from "../../cluster/compile/resolver-config.ts";
import type { DnsAnswer, DnsResolver } from "../../cluster/discovery/dns-discovery.ts";
import type { DnsFamily } from "../../cluster/discovery/dns-family.ts";
import { inHostsFile } from "../bootstrap/hosts-file.ts";

/**
 * Resolves names: by the name servers that the cluster or else the bootstrap names, or by the system (hosts file included). `server`: one
 * that is asked first where nobody names others; names that it does not know are the system's.
 */
export function dnsResolver(
	server: string | undefined,
	usual: () => ResolverConfig | undefined = () => undefined,
): DnsResolver {
	const queries = new Map<string, Query>();
	const first = server ? firstAsking(server) : undefined;
	const queryFor = (resolver: ResolverConfig | undefined, wantsTtl: boolean): Query => {
		const by = resolver ?? usual();
		if (!by && first) return first;
		if (by?.bySystem === true || (!by && !wantsTtl)) return system;
		const key = JSON.stringify(by ?? null);
		let query = queries.get(key);
		if (!query) {
			query = asking(by);
			queries.set(key, query);
		}
		return query;
	};
	return {
		async resolve(name, family, { resolver, wantsTtl = false } = {}) {
			const answers = await firstUsable(name, family, queryFor(resolver, wantsTtl));
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

function firstAsking(server: string): Query {
	const resolver = new Resolver({ timeout: 5000, tries: 2 });
	resolver.setServers([server]);
	return async (name, family) => {
		const answer = await ask(resolver, name, family).catch(() => undefined);
		return answer && answer.addresses.length > 0 ? answer : system(name, family);
	};
}

/** Asks name servers, the hosts file before them. */
function asking(config: ResolverConfig | undefined): Query {
	const { servers = [], asFallback = false, timeoutMs = 5000, tries = 4 } = config ?? {};
	const resolver = new Resolver({ timeout: timeoutMs, tries });
	if (servers.length > 0 && !(asFallback && getServers().length > 0)) resolver.setServers(servers);
	return (name, family) => (inHostsFile(name) ? system(name, family) : ask(resolver, name, family));
}

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
	const query = family === 4 ? resolver.resolve4(name, { ttl: true }) : resolver.resolve6(name, { ttl: true });
	const records = await orNone(query);
	const ttlMs = records.length === 0 ? undefined : 1000 * Math.min(...records.map(({ ttl }) => ttl));
	return { addresses: records.map(({ address }) => address), ttlMs };
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
