import type { RequestHead } from "../../http/message.ts";

export interface CookieSettings {
	/** 0: until the browser is closed. */
	readonly ttlMs: number;
	/** Empty: the request's own. */
	readonly path: string;
	readonly attributes: readonly { readonly name: string; readonly value: string }[];
}

/** What follows `name="value"` in a Set-Cookie field that the proxy writes. */
export function cookieTail({ ttlMs, path, attributes }: CookieSettings): string {
	const maxAgeSeconds = Math.floor(ttlMs / 1000);
	return (
		(maxAgeSeconds > 0 ? `; Max-Age=${maxAgeSeconds}` : "") +
		(path === "" ? "" : `; Path=${path}`) +
		attributes.map((a) => (a.value === "" ? `; ${a.name}` : `; ${a.name}=${a.value}`)).join("") +
		"; HttpOnly"
	);
}

/** The value of a cookie, without its quotes; empty values count as absent. */
export function readCookie(request: RequestHead, name: string): string | undefined {
	for (const field of request.headers.getAll("cookie")) {
		for (const pair of field.split(";")) {
			const equals = pair.indexOf("=");
			if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
			const value = pair
				.slice(equals + 1)
				.trim()
				.replace(/^"(.*)"$/, "$1");
			if (value !== "") return value;
		}
	}
	return undefined;
}
