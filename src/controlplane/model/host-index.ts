import { compareSpecificity, hostCovers, isWildcard } from "./host-name.ts";

/** Values by host pattern; the most specific pattern that covers a name wins. */
export class HostIndex<T> {
	readonly #exact = new Map<string, T>();
	readonly #wildcards: { readonly pattern: string; readonly value: T }[] = [];

	/** The first entry of a pattern stays; later ones of the same pattern are ignored. */
	constructor(entries: Iterable<readonly [string, T]>) {
		for (const [pattern, value] of entries) {
			if (this.#exact.has(pattern)) continue;
			this.#exact.set(pattern, value);
			if (isWildcard(pattern)) this.#wildcards.push({ pattern, value });
		}
		this.#wildcards.sort((a, b) => compareSpecificity(a.pattern, b.pattern));
	}

	/** A wildcard needle first finds the identical wildcard, then the longest one that covers it. */
	match(host: string): T | undefined {
		const exact = this.#exact.get(host);
		if (exact !== undefined) return exact;
		return this.#wildcards.find(({ pattern }) => hostCovers(pattern, host))?.value;
	}
}
