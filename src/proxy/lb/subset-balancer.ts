import type { LbHost } from "./balancer.ts";
import type { PlacedHost } from "./host-level.ts";
import { type HostBalancer, hostBalancer } from "./hosts/host-balancer.ts";
import type { HostBalancerOptions } from "./hosts/host-balancer-options.ts";
import type { SubsetConfig, SubsetFallback, SubsetSelector } from "./subset-config.ts";

/** A key with its value as a text (equal values, equal texts). */
export interface SubsetCriterion {
	readonly key: string;
	readonly value: unknown;
	readonly text: string;
}

/** A host with what its subsets are cut by. */
export interface SubsetHost<H extends LbHost> extends PlacedHost<H> {
	/** `envoy.lb` metadata. */
	readonly metadata: Readonly<Record<string, unknown>>;
}

/** Counters and gauges of subsets. */
export interface SubsetStats {
	selected(): void;
	fallback(): void;
	fallbackPanic(): void;
	/** How many subsets there are now, and how many came and went. */
	active(now: number, created: number, removed: number): void;
	singleHostDuplicates(count: number): void;
}

interface Deps {
	readonly config: SubsetConfig;
	readonly options: HostBalancerOptions;
	readonly stats: SubsetStats;
	/** Text of a metadata value: equal values, equal texts. */
	textOf(value: unknown): string;
	/** Keys of the subsets of the balancer before this one. */
	readonly before: ReadonlySet<string>;
}

interface Query {
	readonly hash: bigint | undefined;
	readonly attempt: number;
	readonly avoid: ReadonlySet<number> | undefined;
}

interface Subset<H extends LbHost> {
	readonly hosts: SubsetHost<H>[];
	readonly single: boolean;
	balancer: HostBalancer<H> | undefined;
}

/** Name of the criterion that lists other criteria to try. */
const FALLBACK_LIST = "fallback_list";
const SEPARATOR = "\u0000";

/**
 * Balances within the hosts whose metadata the request asks for (Envoy: SubsetLoadBalancer). Subsets are cut when the hosts change and
 * get their balancers at first use. Immutable as `HostBalancer` is.
 */
export class SubsetBalancer<H extends LbHost> {
	readonly #deps: Deps;
	readonly #all: readonly SubsetHost<H>[];
	readonly #subsets = new Map<string, Subset<H>>();
	readonly #any: Subset<H>;
	#default: Subset<H> | undefined;

	constructor(hosts: readonly SubsetHost<H>[], deps: Deps) {
		this.#deps = deps;
		this.#all = hosts;
		this.#any = { hosts: [...hosts], single: false, balancer: undefined };
		this.#cut();
		const kept = [...deps.before].filter((key) => this.#subsets.has(key)).length;
		deps.stats.active(this.#subsets.size, this.#subsets.size - kept, deps.before.size - kept);
	}

	/** Keys of the subsets that there are. */
	keys(): ReadonlySet<string> {
		return new Set(this.#subsets.keys());
	}

	/** `criteria`: sorted by key; undefined when the route asks nothing. */
	pick(criteria: readonly SubsetCriterion[] | undefined, query: Query): H | undefined {
		const list = this.#deps.config.metadataFallbackList
			? criteria?.find(({ key }) => key === FALLBACK_LIST)?.value
			: undefined;
		if (!criteria || !Array.isArray(list)) return this.#pick(criteria, query);
		const base = criteria.filter(({ key }) => key !== FALLBACK_LIST);
		if (list.length === 0) return this.#pick(base, query);
		for (const fields of list) {
			const host = this.#pick(this.#merged(base, fields), query);
			if (host) return host;
		}
		return undefined;
	}

	#merged(base: readonly SubsetCriterion[], fields: unknown): readonly SubsetCriterion[] {
		const merged = new Map(base.map((criterion) => [criterion.key, criterion]));
		for (const [key, value] of Object.entries((fields ?? {}) as Record<string, unknown>))
			merged.set(key, { key, value, text: this.#deps.textOf(value) });
		return [...merged.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
	}

	#pick(criteria: readonly SubsetCriterion[] | undefined, query: Query): H | undefined {
		const { config, stats } = this.#deps;
		if (criteria && criteria.length > 0) {
			const asked = config.allowRedundantKeys ? (this.#reduced(criteria) ?? criteria) : criteria;
			const subset = this.#subsets.get(subsetKey(asked));
			if (subset) {
				stats.selected();
				return this.#within(subset, query);
			}
			const selector = config.selectors.find(({ keys }) => sameKeys(keys, asked));
			if (selector?.fallback !== undefined) return this.#bySelector(selector, asked, query);
		}
		const fallback = this.#byFallback(config.fallback, query);
		if (fallback) {
			stats.fallback();
			return fallback;
		}
		if (!config.panicModeAny || config.fallback === "none") return undefined;
		const any = this.#within(this.#any, query);
		if (any) stats.fallbackPanic();
		return any;
	}

	/** The criteria that the first selector asks for, if all of them are there. */
	#reduced(criteria: readonly SubsetCriterion[]): readonly SubsetCriterion[] | undefined {
		for (const { keys } of this.#deps.config.selectors) {
			const kept = criteria.filter(({ key }) => keys.includes(key));
			if (kept.length === keys.length) return kept;
		}
		return undefined;
	}

	#bySelector(selector: SubsetSelector, criteria: readonly SubsetCriterion[], query: Query): H | undefined {
		if (selector.fallback === "keys") {
			const fewer = criteria.filter(({ key }) => selector.fallbackKeys.includes(key));
			return this.#pick(fewer, query);
		}
		return this.#byFallback(selector.fallback ?? "none", query);
	}

	#byFallback(fallback: SubsetFallback, query: Query): H | undefined {
		if (fallback === "none") return undefined;
		if (fallback === "any") return this.#within(this.#any, query);
		this.#default ??= { hosts: this.#all.filter((host) => this.#isDefault(host)), single: false, balancer: undefined };
		return this.#within(this.#default, query);
	}

	#within(subset: Subset<H>, { hash, attempt, avoid }: Query): H | undefined {
		// The host of a single-host subset is asked whatever its priority and health.
		if (subset.single) return subset.hosts.reduce((a, b) => (b.priority < a.priority ? b : a)).host;
		subset.balancer ??= hostBalancer(this.#weighed(subset.hosts), this.#optionsWithin());
		return subset.balancer.pick(hash, attempt, avoid);
	}

	#optionsWithin(): HostBalancerOptions {
		const { config, options } = this.#deps;
		return { ...options, byLocalityWeight: options.byLocalityWeight && config.localityWeightAware, turns: new Map() };
	}

	/** Localities weigh less when the subset has only some of their hosts, if the configuration says so. */
	#weighed(hosts: readonly SubsetHost<H>[]): readonly SubsetHost<H>[] {
		const { localityWeightAware, scaleLocalityWeight } = this.#deps.config;
		if (!localityWeightAware || !scaleLocalityWeight) return hosts;
		const count = (list: readonly SubsetHost<H>[]) => {
			const counts = new Map<string, number>();
			for (const { priority, locality } of list)
				counts.set(`${priority}/${locality}`, (counts.get(`${priority}/${locality}`) ?? 0) + 1);
			return counts;
		};
		const [all, own] = [count(this.#all), count(hosts)];
		return hosts.map((host) => {
			const key = `${host.priority}/${host.locality}`;
			return { ...host, localityWeight: Math.round((host.localityWeight * own.get(key)!) / all.get(key)!) };
		});
	}

	#isDefault({ metadata }: SubsetHost<H>): boolean {
		const { config, textOf } = this.#deps;
		return Object.entries(config.defaultSubset).every(([key, value]) => {
			const own = metadata[key];
			if (own === undefined) return false;
			const wanted = textOf(value);
			if (config.listAsAny && Array.isArray(own)) return own.some((item) => textOf(item) === wanted);
			return textOf(own) === wanted;
		});
	}

	#cut(): void {
		const { config, stats } = this.#deps;
		let duplicates = 0;
		for (const host of this.#all)
			for (const selector of config.selectors)
				for (const key of this.#keysOf(host, selector)) {
					const known = this.#subsets.get(key);
					if (!known) this.#subsets.set(key, { hosts: [host], single: selector.singleHost, balancer: undefined });
					else if (known.single) duplicates++;
					else known.hosts.push(host);
				}
		stats.singleHostDuplicates(duplicates);
	}

	/** The subsets of one selector that a host is in: none when it lacks a key, several when a value is a list. */
	#keysOf({ metadata }: SubsetHost<H>, { keys }: SubsetSelector): string[] {
		let found = [""];
		for (const key of keys) {
			const value = metadata[key];
			if (value === undefined) return [];
			const values = this.#deps.config.listAsAny && Array.isArray(value) ? value : [value];
			found = found.flatMap((before) => values.map((one) => before + keyPart(key, this.#deps.textOf(one))));
		}
		return found;
	}
}

function keyPart(key: string, text: string): string {
	return `${key}${SEPARATOR}${text}${SEPARATOR}`;
}

function subsetKey(criteria: readonly SubsetCriterion[]): string {
	return criteria.map(({ key, text }) => keyPart(key, text)).join("");
}

function sameKeys(keys: readonly string[], criteria: readonly SubsetCriterion[]): boolean {
	return keys.length === criteria.length && keys.every((key, i) => criteria[i]!.key === key);
}
