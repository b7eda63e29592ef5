/** Parameters of a path's query by name, decoded, all values of each. */
export function parseDecodedQuery(path: string): ReadonlyMap<string, readonly string[]> {
	const parameters = new Map<string, string[]>();
	for (const pair of rawPairs(path)) {
		const equals = pair.indexOf("=");
		const name = nameOf(pair);
		const value = equals < 0 ? "" : decodePercent(pair.slice(equals + 1));
		const values = parameters.get(name);
		if (values) values.push(value);
		else parameters.set(name, [value]);
	}
	return parameters;
}

/**
 * The path with all values of some parameters gone and others set. The query is then in the order of its names, as Envoy writes it;
 * what stays is not encoded anew.
 */
export function changeQuery(
	path: string,
	remove: readonly string[],
	set: readonly { readonly key: string; readonly value: string }[] = [],
): string {
	const gone = new Set([...remove, ...set.map(({ key }) => key)]);
	const kept = rawPairs(path).filter((pair) => !gone.has(nameOf(pair)));
	const last = new Map(set.map(({ key, value }) => [key, value]));
	for (const name of remove) last.delete(name);
	const added = [...last].map(([name, value]) => `${encodeText(name)}=${encodeText(value)}`);
	const pairs = [...kept.map((pair) => (pair.includes("=") ? pair : `${pair}=`)), ...added];
	pairs.sort((a, b) => compare(nameOf(a), nameOf(b)));
	const query = path.indexOf("?");
	const bare = query < 0 ? path : path.slice(0, query);
	return pairs.length === 0 ? bare : `${bare}?${pairs.join("&")}`;
}

function rawPairs(path: string): string[] {
	const start = path.indexOf("?");
	if (start < 0) return [];
	const fragment = path.indexOf("#", start);
	return path
		.slice(start + 1, fragment < 0 ? undefined : fragment)
		.split("&")
		.filter((pair) => pair !== "");
}

function nameOf(pair: string): string {
	const equals = pair.indexOf("=");
	return decodePercent(equals < 0 ? pair : pair.slice(0, equals));
}

function compare(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}

const ESCAPE = /%([0-9a-fA-F]{2})/g;

function decodePercent(text: string): string {
	if (!text.includes("%")) return text;
	return text.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** What would end a value, or the target, is escaped; what is escaped already stays so. */
const UNSAFE = /[^!-~]|[#&]/g;

function encodeText(text: string): string {
	return text.replace(UNSAFE, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}
