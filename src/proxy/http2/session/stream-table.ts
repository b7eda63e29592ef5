const FIRST_SLOTS = 16;

/**
 * Streams by their number. Not a Map, for the reason that `lib/roster.ts` tells: here the same slots serve for as long as the connection
 * lives. Open addressing; the numbers of one side are two apart, so streams that live at the same time rarely meet in a slot.
 */
export class StreamTable<T extends { readonly id: number }> {
	#slots: (T | undefined)[] = emptySlots(FIRST_SLOTS);
	#size = 0;

	get size(): number {
		return this.#size;
	}

	get(id: number): T | undefined {
		const slots = this.#slots;
		const mask = slots.length - 1;
		for (let at = (id >> 1) & mask; ; at = (at + 1) & mask) {
			const stream = slots[at];
			if (stream === undefined || stream.id === id) return stream;
		}
	}

	/** The stream's number must be new. */
	add(stream: T): void {
		if ((this.#size + 1) * 2 > this.#slots.length) this.#grow();
		this.#size++;
		this.#put(stream);
	}

	delete(id: number): void {
		const slots = this.#slots;
		const mask = slots.length - 1;
		let free = (id >> 1) & mask;
		while (slots[free] !== undefined && slots[free]!.id !== id) free = (free + 1) & mask;
		if (slots[free] === undefined) return;
		this.#size--;
		// Streams that had to go on past the slot move up, so that a search may end at the first empty one.
		for (let at = (free + 1) & mask; slots[at] !== undefined; at = (at + 1) & mask) {
			const home = (slots[at]!.id >> 1) & mask;
			if (((at - home) & mask) < ((at - free) & mask)) continue;
			slots[free] = slots[at];
			free = at;
		}
		slots[free] = undefined;
	}

	/** Those that began first come first; a copy, so that streams may end meanwhile. */
	list(): T[] {
		return this.#slots.filter((slot) => slot !== undefined).sort((a, b) => a.id - b.id);
	}

	#put(stream: T): void {
		const mask = this.#slots.length - 1;
		let at = (stream.id >> 1) & mask;
		while (this.#slots[at] !== undefined) at = (at + 1) & mask;
		this.#slots[at] = stream;
	}

	#grow(): void {
		const before = this.#slots;
		this.#slots = emptySlots(before.length * 2);
		for (const stream of before) if (stream) this.#put(stream);
	}
}

function emptySlots<T>(count: number): (T | undefined)[] {
	return Array.from({ length: count }, () => undefined);
}
