/**
 * The header fields of one message, in order, names in lower case (Envoy lower-cases HTTP/1 names when it forwards).
 * Flat arrays, because a message has few fields and the hot path scans and copies them.
 */
export class HeaderMap {
	readonly names: string[];
	readonly values: string[];
	/** Names as they came, by their lower-case form; kept only where they are to be written so again. */
	casing: Map<string, string> | undefined = undefined;

	/** Takes the two arrays over. */
	constructor(names: string[] = [], values: string[] = []) {
		this.names = names;
		this.values = values;
	}

	static of(...pairs: readonly (readonly [string, string])[]): HeaderMap {
		const map = new HeaderMap();
		for (const [name, value] of pairs) map.append(name, value);
		return map;
	}

	get size(): number {
		return this.names.length;
	}

	/** First value of the field; `name` in lower case, as for every method. */
	get(name: string): string | undefined {
		const i = this.names.indexOf(name);
		return i < 0 ? undefined : this.values[i];
	}

	has(name: string): boolean {
		return this.names.indexOf(name) >= 0;
	}

	/** All values joined by `,`: what a header matcher sees when a field comes several times. */
	getJoined(name: string): string | undefined {
		const first = this.names.indexOf(name);
		if (first < 0) return undefined;
		if (this.names.indexOf(name, first + 1) < 0) return this.values[first];
		return this.getAll(name).join(",");
	}

	getAll(name: string): string[] {
		return this.values.filter((_, i) => this.names[i] === name);
	}

	append(name: string, value: string): void {
		this.names.push(name);
		this.values.push(value);
	}

	/** Replaces all instances by one (in the place of the first), or adds it. */
	set(name: string, value: string): void {
		const first = this.names.indexOf(name);
		if (first < 0) {
			this.append(name, value);
			return;
		}
		this.values[first] = value;
		for (let i = this.names.indexOf(name, first + 1); i >= 0; i = this.names.indexOf(name, i)) this.#removeAt(i);
	}

	remove(name: string): void {
		for (let i = this.names.indexOf(name); i >= 0; i = this.names.indexOf(name, i)) this.#removeAt(i);
	}

	clone(): HeaderMap {
		const copy = new HeaderMap(this.names.slice(), this.values.slice());
		copy.casing = this.casing;
		return copy;
	}

	#removeAt(i: number): void {
		this.names.splice(i, 1);
		this.values.splice(i, 1);
	}
}
