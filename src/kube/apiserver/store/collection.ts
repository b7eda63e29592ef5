import type { StoredObject } from "./journal.ts";

/** The objects of one resource, found by key and walked in key order. */
export class Collection {
	readonly #byKey = new Map<string, StoredObject>();
	#keys: string[] = [];
	#sorted = true;

	get(key: string): StoredObject | undefined {
		return this.#byKey.get(key);
	}

	get size(): number {
		return this.#byKey.size;
	}

	put(stored: StoredObject): void {
		if (!this.#byKey.has(stored.key)) this.#insert(stored.key);
		this.#byKey.set(stored.key, stored);
	}

	delete(key: string): void {
		if (!this.#byKey.delete(key)) return;
		this.#sort();
		this.#keys.splice(lowerBound(this.#keys, key), 1);
	}

	/** Objects whose key begins with `prefix`, in key order. */
	list(prefix: string): StoredObject[] {
		this.#sort();
		const found: StoredObject[] = [];
		for (let at = lowerBound(this.#keys, prefix); at < this.#keys.length; at++) {
			const key = this.#keys[at]!;
			if (!key.startsWith(prefix)) break;
			found.push(this.#byKey.get(key)!);
		}
		return found;
	}

	#insert(key: string): void {
		const last = this.#keys.at(-1);
		if (last !== undefined && last > key) this.#sorted = false;
		this.#keys.push(key);
	}

	#sort(): void {
		if (this.#sorted) return;
		this.#keys.sort(compareKeys);
		this.#sorted = true;
	}
}

/** Plain code-unit order, as the store's disk has it. */
export function compareKeys(a: string, b: string): number {
	if (a === b) return 0;
	return a < b ? -1 : 1;
}

function lowerBound(sorted: readonly string[], key: string): number {
	let low = 0;
	let high = sorted.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (sorted[middle]! < key) low = middle + 1;
		else high = middle;
	}
	return low;
}
