import { isJsonObject } from "./merge-patch.ts";

/**
 * Brings a merged list into the order that `$setElementOrder` asks for; items that only the server has keep their place relative to
 * what they stood beside before.
 */
export function orderElements(
	merged: readonly unknown[],
	wanted: readonly unknown[],
	serverOrder: readonly unknown[],
	mergeKey: string | undefined,
): unknown[] {
	const keyOf = (item: unknown) => (mergeKey !== undefined && isJsonObject(item) ? item[mergeKey] : item);
	const rank = (order: readonly unknown[]) => {
		const positions = new Map(order.map((item, at) => [keyOf(item), at]));
		return (item: unknown) => positions.get(keyOf(item));
	};
	const [wantedRank, serverRank] = [rank(wanted), rank(serverOrder)];
	const byRank = (of: (item: unknown) => number | undefined) => (a: unknown, b: unknown) =>
		(of(a) ?? Number.MAX_SAFE_INTEGER) - (of(b) ?? Number.MAX_SAFE_INTEGER);
	const named = merged.filter((item) => wantedRank(item) !== undefined).sort(byRank(wantedRank));
	const others = merged.filter((item) => wantedRank(item) === undefined).sort(byRank(serverRank));
	return interleave(others, named, serverRank);
}

/** An item of `others` goes first only when the server had it before the next named one. */
function interleave(
	others: readonly unknown[],
	named: readonly unknown[],
	serverRank: (item: unknown) => number | undefined,
): unknown[] {
	const ordered: unknown[] = [];
	let at = 0;
	for (const item of named) {
		const limit = serverRank(item);
		while (limit !== undefined && at < others.length) {
			const position = serverRank(others[at]);
			if (position === undefined || position >= limit) break;
			ordered.push(others[at++]);
		}
		ordered.push(item);
	}
	return [...ordered, ...others.slice(at)];
}
