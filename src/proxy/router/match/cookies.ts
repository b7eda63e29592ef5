/** Cookies of `cookie` fields by name, first occurrence only, quotes taken off (Envoy: Http::Utility::parseCookies). */
export function parseCookies(fields: readonly string[]): ReadonlyMap<string, string> {
	const cookies = new Map<string, string>();
	for (const field of fields) {
		for (const pair of field.split(";")) {
			const equals = pair.indexOf("=");
			if (equals < 0) continue;
			// Blanks count, but for those before the name.
			const name = pair.slice(0, equals).trimStart();
			if (!cookies.has(name)) cookies.set(name, unquote(pair.slice(equals + 1)));
		}
	}
	return cookies;
}

function unquote(value: string): string {
	return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}
