interface Entry<V> {
	readonly deps: readonly unknown[];
	readonly value: V;
	generation: number;
}

/**
 * Keeps computed values whose inputs are the very same objects as last time, so that what did not change keeps its
 * identity (and with it its encoded bytes). `sweep` forgets what was not asked for since the previous sweep.
 */
export class IdentityMemo<V> {
	readonly #entries = new Map<string, Entry<V>>();
	#generation = 0;

	get(key: string, deps: readonly unknown[], compute: () => V): V {
		const known = this.#entries.get(key);
		if (known && known.deps.length === deps.length && known.deps.every((d, i) => Object.is(d, deps[i]))) {
			known.generation = this.#generation;
			return known.value;
		}
		const value = compute();
		this.#entries.set(key, { deps, value, generation: this.#generation });
		return value;
	}

	sweep(): void {
		for (const [key, entry] of this.#entries) if (entry.generation < this.#generation) this.#entries.delete(key);
		this.#generation++;
	}

	get size(): number {
		return this.#entries.size;
	}
}
