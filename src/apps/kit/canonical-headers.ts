import type { AppRequest } from "./request.ts";

/** Request headers as a Go program shows them: canonical names in order, each with the array of its values. */
export function canonicalHeaders(request: AppRequest): Record<string, string[]> {
	const values: Record<string, string[]> = {};
	const { rawHeaders } = request;
	for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
		// HTTP/2 has the request line among its headers (`:path`).
		if (rawHeaders[i]!.startsWith(":")) continue;
		const name = canonicalName(rawHeaders[i]!);
		values[name] = [...(values[name] ?? []), rawHeaders[i + 1]!];
	}
	return sortKeys(values);
}

/** `x-request-id` → `X-Request-Id`. */
export function canonicalName(name: string): string {
	return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** The same members in the order of their names, as Go writes a map. */
export function sortKeys<T>(map: Readonly<Record<string, T>>): Record<string, T> {
	return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
