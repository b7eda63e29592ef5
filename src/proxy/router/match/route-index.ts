import type { MatchInput } from "./match-input.ts";
import { PrefixTrie } from "./path/prefix-trie.ts";
import { requestHeader } from "./request-header.ts";
import type { RouteCondition } from "./route-condition.ts";

/** What an index holds: anything with a condition. */
export interface Conditional {
	readonly condition: RouteCondition;
}

/** Up to here a plain walk is the fastest index. */
const WALK_MAX = 16;
/** So many routes with one path key are told apart by an exact header value. */
const SPLIT_MIN = 8;

/**
 * Finds the first route, in the order of the table, whose condition holds, without walking the table: exact paths by
 * a map, prefixes (and the literal beginnings of regular expressions) by a trie, routes of one path by an exact header.
 */
export interface RouteIndex<R extends Conditional> {
	find(input: MatchInput): R | undefined;
}

/** Builds the index; `walkMax` is for tests that want the big form of a small table. */
export function buildRouteIndex<R extends Conditional>(routes: readonly R[], walkMax = WALK_MAX): RouteIndex<R> {
	if (routes.length <= walkMax) return { find: (input) => walkRoutes(routes, input) };
	return new KeyedIndex(routes);
}

/** The definition of the order: the first that matches. */
export function walkRoutes<R extends Conditional>(routes: readonly R[], input: MatchInput): R | undefined {
	for (const route of routes) {
		if (route.condition.matches(input)) return route;
	}
	return undefined;
}

class KeyedIndex<R extends Conditional> implements RouteIndex<R> {
	readonly #routes: readonly R[];
	readonly #exact = new Map<string, Bucket>();
	readonly #exactFolded = new Map<string, Bucket>();
	readonly #prefixes = new PrefixTrie<Bucket>();
	readonly #prefixesFolded = new PrefixTrie<Bucket>();
	readonly #anyFolded: boolean;
	readonly #found: Bucket[] = [];

	constructor(routes: readonly R[]) {
		this.#routes = routes;
		const of = (index: string, foldCase: boolean) =>
			this.#group((c) => c.path.index === index && c.path.foldCase === foldCase);
		const folded = [of("exact", true), of("prefix", true)];
		for (const [key, bucket] of of("exact", false)) this.#exact.set(key, bucket);
		for (const [key, bucket] of of("prefix", false)) this.#prefixes.add(key, bucket);
		for (const [key, bucket] of folded[0]!) this.#exactFolded.set(key, bucket);
		for (const [key, bucket] of folded[1]!) this.#prefixesFolded.add(key, bucket);
		this.#anyFolded = folded.some((group) => group.size > 0);
	}

	find(input: MatchInput): R | undefined {
		const found = this.#found;
		found.length = 0;
		const exact = this.#exact.get(input.path);
		if (exact) found.push(exact);
		this.#prefixes.collectPrefixes(input.path, found);
		if (this.#anyFolded) this.#collectFolded(input.lowerPath, found);
		let best = this.#routes.length;
		for (const bucket of found) best = bucket.first(this.#routes, input, best);
		return this.#routes[best];
	}

	#collectFolded(lower: string, found: Bucket[]): void {
		const exact = this.#exactFolded.get(lower);
		if (exact) found.push(exact);
		this.#prefixesFolded.collectPrefixes(lower, found);
	}

	#group(belongs: (condition: RouteCondition) => boolean): Map<string, Bucket> {
		const positions = new Map<string, number[]>();
		this.#routes.forEach(({ condition }, i) => {
			if (!belongs(condition)) return;
			const list = positions.get(condition.path.key);
			if (list) list.push(i);
			else positions.set(condition.path.key, [i]);
		});
		return new Map([...positions].map(([key, list]) => [key, new Bucket(this.#routes, list)]));
	}
}

/** The routes of one path key, as ascending positions in the table. */
class Bucket {
	/** Header that tells many of them apart by an exact value; empty when there is none. */
	readonly #header: string;
	readonly #byValue = new Map<string, number[]>();
	readonly #rest: number[] = [];

	constructor(routes: readonly Conditional[], positions: readonly number[]) {
		this.#header = positions.length >= SPLIT_MIN ? tellingHeader(routes, positions) : "";
		for (const i of positions) {
			const exact = this.#header === "" ? undefined : exactValueOf(routes[i]!, this.#header);
			if (exact === undefined) this.#rest.push(i);
			else if (this.#byValue.has(exact)) this.#byValue.get(exact)!.push(i);
			else this.#byValue.set(exact, [i]);
		}
	}

	/** The first position below `limit` whose condition holds, else `limit`. */
	first(routes: readonly Conditional[], input: MatchInput, limit: number): number {
		const best = firstOf(this.#rest, routes, input, limit);
		if (this.#header === "") return best;
		const value = requestHeader(input.request, this.#header);
		if (value === undefined) return best;
		const list = this.#byValue.get(value);
		if (list) return firstOf(list, routes, input, best);
		return value.includes(",") ? this.#firstOfMany(routes, input, best) : best;
	}

	/** For a field with several instances, each of which may match. */
	#firstOfMany(routes: readonly Conditional[], input: MatchInput, limit: number): number {
		let best = limit;
		for (const value of input.request.headers.getAll(this.#header)) {
			const list = this.#byValue.get(value);
			if (list) best = firstOf(list, routes, input, best);
		}
		return best;
	}
}

function firstOf(
	positions: readonly number[],
	routes: readonly Conditional[],
	input: MatchInput,
	limit: number,
): number {
	for (const i of positions) {
		if (i >= limit) return limit;
		if (routes[i]!.condition.matches(input)) return i;
	}
	return limit;
}

function exactValueOf(route: Conditional, header: string): string | undefined {
	return route.condition.headers.find((h) => h.name === header && h.exact !== undefined)?.exact;
}

/** The header with the most different exact values among these routes. */
function tellingHeader(routes: readonly Conditional[], positions: readonly number[]): string {
	const values = new Map<string, Set<string>>();
	for (const i of positions) {
		for (const { name, exact } of routes[i]!.condition.headers) {
			if (exact === undefined) continue;
			const seen = values.get(name) ?? new Set();
			values.set(name, seen.add(exact));
		}
	}
	let best = "";
	for (const [name, seen] of values) {
		if (seen.size >= SPLIT_MIN && seen.size > (values.get(best)?.size ?? 0)) best = name;
	}
	return best;
}
