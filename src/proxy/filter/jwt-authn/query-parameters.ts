/** Parameters of a path's query, decoded, all values of each. */
export type DecodedQuery = ReadonlyMap<string, readonly string[]>;

/** Reads the query of a path; names and values are percent-decoded. */
export function parseDecodedQuery(path: string): Map<string, string[]> {
	const parameters = new Map<string, string[]>();
	const start = path.indexOf("?");
	if (start < 0) return parameters;
	const fragment = path.indexOf("#", start);
	for (const pair of path.slice(start + 1, fragment < 0 ? undefined : fragment).split("&")) {
		if (pair === "") continue;
		const equals = pair.indexOf("=");
		const name = decodePercent(equals < 0 ? pair : pair.slice(0, equals));
		const value = equals < 0 ? "" : decodePercent(pair.slice(equals + 1));
		const values = parameters.get(name);
		if (values) values.push(value);
		else parameters.set(name, [value]);
	}
	return parameters;
}

/** The path with all of a parameter's values gone. */
export function withoutParameter(path: string, name: string): string {
	const parameters = parseDecodedQuery(path);
	parameters.delete(name);
	return withQuery(path, parameters);
}

/** The path with this query in the place of its own: sorted by name and encoded anew, as Envoy writes it. */
export function withQuery(path: string, parameters: DecodedQuery): string {
	const start = path.indexOf("?");
	const bare = start < 0 ? path : path.slice(0, start);
	const pairs = [...parameters]
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.flatMap(([name, values]) => values.map((value) => `${encodePercent(name)}=${encodePercent(value)}`));
	return pairs.length === 0 ? bare : `${bare}?${pairs.join("&")}`;
}

const ESCAPE = /%([0-9a-fA-F]{2})/g;

function decodePercent(text: string): string {
	if (!text.includes("%")) return text;
	return text.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

const RESERVED = /[^A-Za-z0-9\-._~]/g;

function encodePercent(text: string): string {
	return text.replace(RESERVED, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}
