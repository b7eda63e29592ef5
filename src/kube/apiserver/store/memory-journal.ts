import type { Journal, JournalState, StoredObject, StoreEvent } from "./journal.ts";

/** A journal that lives as long as the process; passes the same contract suite as the durable one. */
export class MemoryJournal implements Journal {
	readonly #objects = new Map<string, StoredObject>();
	#events: StoreEvent[] = [];
	#revision = 0;
	#compacted = 0;

	async load(): Promise<JournalState> {
		return { objects: [...this.#objects.values()], revision: this.#revision, compacted: this.#compacted };
	}

	async append(events: readonly StoreEvent[]): Promise<void> {
		for (const event of events) {
			if (event.type === "put") this.#objects.set(event.current.key, event.current);
			else this.#objects.delete(event.current.key);
			this.#events.push(event);
			this.#revision = event.revision;
		}
	}

	async history(afterRevision: number): Promise<StoreEvent[]> {
		return this.#events.filter((event) => event.revision > afterRevision);
	}

	async compact(uptoRevision: number): Promise<void> {
		this.#compacted = uptoRevision;
		this.#events = this.#events.filter((event) => event.revision > uptoRevision);
	}

	async close(): Promise<void> {}
}
