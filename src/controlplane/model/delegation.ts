import type { StringMatch } from "./string-match.ts";
import type { HttpMatch, HttpRule, VirtualService } from "./virtual-service.ts";
import { isVisibleTo } from "./visibility.ts";

/**
 * The VirtualServices that apply, each rule that delegates replaced by the delegate's rules (istio-traffic-api.md 1.15). Delegates
 * themselves have no hosts and are left out. A rule whose delegate is missing or not exported to it is dropped, the others stay.
 */
export function resolveDelegates(all: readonly VirtualService[]): readonly VirtualService[] {
	const delegates = new Map(all.filter(isDelegate).map((vs) => [`${vs.meta.namespace}/${vs.meta.name}`, vs]));
	const roots = all.filter((vs) => !isDelegate(vs));
	return Object.freeze(roots.map((root) => (root.http.some((r) => r.delegate) ? resolveRoot(root, delegates) : root)));
}

function isDelegate(vs: VirtualService): boolean {
	return vs.hosts.length === 0;
}

function resolveRoot(root: VirtualService, delegates: ReadonlyMap<string, VirtualService>): VirtualService {
	const http = root.http.flatMap((rule) => {
		if (!rule.delegate) return [rule];
		const delegate = delegates.get(`${rule.delegate.namespace}/${rule.delegate.name}`);
		if (!delegate || !isVisibleTo(delegate.visibility, root.meta.namespace)) return [];
		// One level only: a delegate's own delegates are nobody's.
		return delegate.http.flatMap((leaf) => (leaf.delegate ? [] : mergeRule(rule, leaf)));
	});
	return Object.freeze({ ...root, http });
}

/** Empty when the delegate asks for requests that the root does not give it. */
function mergeRule(root: HttpRule, leaf: HttpRule): HttpRule[] {
	const match = mergeMatches(root.match, leaf.match);
	if (!match) return [];
	return [
		{
			...leaf,
			name: joinNames(root.name, leaf.name),
			match,
			rewrite: leaf.rewrite ?? root.rewrite,
			directResponse: leaf.directResponse ?? root.directResponse,
			timeoutMs: leaf.timeoutMs ?? root.timeoutMs,
			retries: leaf.retries ?? root.retries,
			fault: leaf.fault ?? root.fault,
			mirrors: leaf.mirrors.length > 0 ? leaf.mirrors : root.mirrors,
			cors: leaf.cors ?? root.cors,
			headers: leaf.headers ?? root.headers,
		},
	];
}

function mergeMatches(root: readonly HttpMatch[], leaf: readonly HttpMatch[]): readonly HttpMatch[] | undefined {
	if (root.length === 0) return leaf;
	if (leaf.length === 0) return root;
	const merged = leaf.map((l) => root.filter((r) => !conflicts(r, l)).map((r) => mergeMatch(r, l)));
	return merged.some((blocks) => blocks.length === 0) ? undefined : merged.flat();
}

function mergeMatch(root: HttpMatch, leaf: HttpMatch): HttpMatch {
	const merge = <T>(a: readonly (readonly [string, T])[], b: readonly (readonly [string, T])[]) => [
		...new Map([...a, ...b]),
	];
	return {
		name: joinNames(root.name, leaf.name),
		uri: leaf.uri ?? root.uri,
		ignoreUriCase: leaf.ignoreUriCase || root.ignoreUriCase,
		scheme: leaf.scheme ?? root.scheme,
		method: leaf.method ?? root.method,
		authority: leaf.authority ?? root.authority,
		headers: merge(root.headers, leaf.headers),
		withoutHeaders: merge(root.withoutHeaders, leaf.withoutHeaders),
		queryParams: merge(root.queryParams, leaf.queryParams),
		port: leaf.port || root.port,
		sourceLabels: { ...root.sourceLabels, ...leaf.sourceLabels },
		sourceNamespace: leaf.sourceNamespace || root.sourceNamespace,
		gateways: leaf.gateways.length > 0 ? leaf.gateways : root.gateways,
		statPrefix: leaf.statPrefix || root.statPrefix,
	};
}

/** True unless every request of the delegate's block is one of the root's. */
function conflicts(root: HttpMatch, leaf: HttpMatch): boolean {
	const fields = ["uri", "scheme", "method", "authority"] as const;
	if (fields.some((field) => stringsConflict(root[field], leaf[field]))) return true;
	const maps = ["headers", "withoutHeaders", "queryParams"] as const;
	if (maps.some((map) => mapsConflict(root[map], leaf[map]))) return true;
	return root.ignoreUriCase !== leaf.ignoreUriCase || sourcesConflict(root, leaf);
}

function sourcesConflict(root: HttpMatch, leaf: HttpMatch): boolean {
	if (root.port !== 0 && leaf.port !== 0 && root.port !== leaf.port) return true;
	if (root.sourceNamespace !== "" && root.sourceNamespace !== leaf.sourceNamespace) return true;
	const labels = Object.entries(root.sourceLabels);
	if (labels.some(([key, value]) => leaf.sourceLabels[key] !== undefined && leaf.sourceLabels[key] !== value))
		return true;
	return root.gateways.length > 0 && leaf.gateways.some((g) => !root.gateways.includes(g));
}

function mapsConflict(
	root: readonly (readonly [string, StringMatch])[],
	leaf: readonly (readonly [string, StringMatch])[],
): boolean {
	const own = new Map(leaf);
	return root.some(([key, match]) => stringsConflict(match, own.get(key)));
}

/** The root's value must contain the delegate's; regular expressions and mere presence cannot be compared. */
function stringsConflict(root: StringMatch | undefined, leaf: StringMatch | undefined): boolean {
	if (!root || !leaf) return false;
	if (leaf.kind !== "exact" && leaf.kind !== "prefix") return true;
	if (root.kind === "exact") return leaf.kind !== "exact" || leaf.value !== root.value;
	return root.kind !== "prefix" || !leaf.value.startsWith(root.value);
}

function joinNames(root: string, leaf: string): string {
	return root === "" || leaf === "" ? root + leaf : `${root}-${leaf}`;
}
