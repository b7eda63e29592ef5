import type { Journal, StoreEvent } from "./journal.ts";
import { RevisionExpiredError } from "./store-error.ts";

/**
 * The recent changes, newest in memory; after a restart the older ones are read from the journal when someone first asks.
 */
export class ChangeLog {
	readonly #journal: Journal;
	readonly #keepEvents: number;
	readonly #onBackgroundError: (error: unknown) => void;
	#events: StoreEvent[] = [];
	/** Every change after this revision is in memory. */
	#floor = 0;
	#compacted = 0;
	#loading: Promise<void> | undefined;
	#compacting: Promise<void> | undefined;

	constructor(journal: Journal, options: { keepEvents: number; onBackgroundError(error: unknown): void }) {
		this.#journal = journal;
		this.#keepEvents = options.keepEvents;
		this.#onBackgroundError = (error) => options.onBackgroundError(error);
	}

	get compacted(): number {
		return this.#compacted;
	}

	/** After opening: nothing is in memory, changes after `compacted` are in the journal. */
	reset(revision: number, compacted: number): void {
		this.#events = [];
		this.#floor = revision;
		this.#compacted = compacted;
		if (revision - compacted >= this.#keepEvents * 1.25) this.#compact(revision - this.#keepEvents);
	}

	add(event: StoreEvent): void {
		this.#events.push(event);
	}

	/** Makes sure that `after(revision)` is whole. Rejects with RevisionExpiredError. */
	async reach(revision: number): Promise<void> {
		if (revision < this.#compacted) throw new RevisionExpiredError(revision, this.#compacted);
		if (revision >= this.#floor) return;
		this.#loading ??= this.#load();
		await this.#loading;
		if (revision < this.#compacted) throw new RevisionExpiredError(revision, this.#compacted);
	}

	/** Changes after a revision that was reached, oldest first. */
	after(revision: number): StoreEvent[] {
		let low = 0;
		let high = this.#events.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (this.#events[middle]!.revision <= revision) low = middle + 1;
			else high = middle;
		}
		return this.#events.slice(low);
	}

	/** Drops the oldest changes once a quarter more than needed has gathered. */
	trim(): void {
		if (this.#events.length < this.#keepEvents * 1.25 || this.#loading) return;
		const dropped = this.#events.splice(0, this.#events.length - this.#keepEvents);
		const upto = dropped.at(-1)!.revision;
		this.#floor = upto;
		this.#compact(upto);
	}

	async close(): Promise<void> {
		await this.#compacting;
		await this.#journal.close();
	}

	#compact(uptoRevision: number): void {
		this.#compacted = uptoRevision;
		this.#compacting = (this.#compacting ?? Promise.resolve())
			.then(() => this.#journal.compact(uptoRevision))
			.catch(this.#onBackgroundError);
	}

	async #load(): Promise<void> {
		try {
			const floor = this.#floor;
			const past = await this.#journal.history(this.#compacted);
			this.#events = [...past.filter((event) => event.revision <= floor), ...this.#events];
			this.#floor = this.#compacted;
		} finally {
			this.#loading = undefined;
		}
	}
}
