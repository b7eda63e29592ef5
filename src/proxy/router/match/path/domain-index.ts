/**
 * Virtual hosts by the request's host: exact name, then the longest `*suffix`, then the longest `prefix*`, then `*`
 * (Envoy: VirtualHost.domains). Names are compared without case. A wildcard stands for at least one character.
 */
export class DomainIndex<T> {
	readonly #exact = new Map<string, T>();
	readonly #suffixes = new WildcardIndex<T>((host, length) => host.slice(host.length - length));
	readonly #prefixes = new WildcardIndex<T>((host, length) => host.slice(0, length));
	#catchAll: T | undefined;

	/** False when the domain is taken already; the first stays. */
	add(domain: string, value: T): boolean {
		const name = domain.toLowerCase();
		if (name === "*") {
			if (this.#catchAll !== undefined) return false;
			this.#catchAll = value;
			return true;
		}
		if (name.startsWith("*")) return this.#suffixes.add(name.slice(1), value);
		if (name.endsWith("*")) return this.#prefixes.add(name.slice(0, -1), value);
		if (this.#exact.has(name)) return false;
		this.#exact.set(name, value);
		return true;
	}

	/** `host` in lower case. */
	find(host: string): T | undefined {
		return this.#exact.get(host) ?? this.#suffixes.find(host) ?? this.#prefixes.find(host) ?? this.#catchAll;
	}
}

/** Fixed parts by their length, longest first: as many look-ups as there are different lengths. */
class WildcardIndex<T> {
	readonly #cut: (host: string, length: number) => string;
	readonly #byLength = new Map<number, Map<string, T>>();
	#lengths: number[] = [];

	constructor(cut: (host: string, length: number) => string) {
		this.#cut = cut;
	}

	add(fixed: string, value: T): boolean {
		let same = this.#byLength.get(fixed.length);
		if (!same) {
			same = new Map();
			this.#byLength.set(fixed.length, same);
			this.#lengths = [...this.#byLength.keys()].sort((a, b) => b - a);
		}
		if (same.has(fixed)) return false;
		same.set(fixed, value);
		return true;
	}

	find(host: string): T | undefined {
		for (const length of this.#lengths) {
			if (length >= host.length) continue;
			const value = this.#byLength.get(length)!.get(this.#cut(host, length));
			if (value !== undefined) return value;
		}
		return undefined;
	}
}

/** The host without its port: `a:80` → `a`, `[::1]:80` → `[::1]`. */
export function stripPort(authority: string): string {
	const colon = authority.lastIndexOf(":");
	if (colon < 0 || authority.endsWith("]")) return authority;
	const host = authority.slice(0, colon);
	// An IPv6 address without brackets has no port.
	return host.includes(":") && !host.endsWith("]") ? authority : host;
}
