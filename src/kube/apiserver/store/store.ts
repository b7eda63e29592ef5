import type { KubeObject } from "../../../kinds/object.ts";
import { ChangeLog } from "./change-log.ts";
import { Collection, compareKeys } from "./collection.ts";
import { CommitQueue } from "./commit-queue.ts";
import { deepFreeze } from "./deep-freeze.ts";
import type { Journal, StoredObject, StoreEvent } from "./journal.ts";
import { type ResourceId, resourceOfKey } from "./object-key.ts";
import { RevisionAheadError, StoreConflictError } from "./store-error.ts";

/** How the store keeps its past. */
export interface StoreOptions {
	/** At least this many changes are kept for watches and continued lists. */
	readonly keepEvents: number;
	/** Called when tidying up in the background fails; nothing is lost by it. */
	onBackgroundError(error: unknown): void;
}

/** Receives committed changes in revision order; must not throw. */
export type StoreListener = (event: StoreEvent) => void;

interface Subscription {
	readonly prefix: string;
	readonly listener: StoreListener;
}

/**
 * All objects, one revision counter, and every recent change. Reads answer from memory; a write is visible and acknowledged
 * only when the journal has it. Objects that come out are frozen.
 */
export class Store {
	readonly #collections = new Map<ResourceId, Collection>();
	readonly #subscriptions = new Map<ResourceId, Set<Subscription>>();
	/** Newest state of keys that are being written: what the next writer must build on. */
	readonly #underway = new Map<string, StoredObject | null>();
	readonly #log: ChangeLog;
	readonly #queue: CommitQueue;
	#revision = 0;
	#lastIssued = 0;

	private constructor(journal: Journal, options: StoreOptions) {
		this.#log = new ChangeLog(journal, options);
		this.#queue = new CommitQueue(journal, {
			onCommitted: (events) => this.#apply(events),
			onFailed: (events) => this.#abandon(events),
		});
	}

	static async open(journal: Journal, options: StoreOptions): Promise<Store> {
		const store = new Store(journal, options);
		const state = await journal.load();
		for (const stored of state.objects) store.#collection(resourceOfKey(stored.key)).put(stored);
		store.#revision = state.revision;
		store.#lastIssued = state.revision;
		store.#log.reset(state.revision, state.compacted);
		return store;
	}

	/** Revision of the newest committed change. */
	get revision(): number {
		return this.#revision;
	}

	/** Changes up to this revision are no longer known. */
	get compactedRevision(): number {
		return this.#log.compacted;
	}

	/** The committed state. */
	get(key: string): StoredObject | undefined {
		return this.#collections.get(resourceOfKey(key))?.get(key);
	}

	/** The state that a writer builds on: committed, or on its way to the disk. */
	latest(key: string): StoredObject | undefined {
		const underway = this.#underway.get(key);
		if (underway === undefined) return this.get(key);
		return underway ?? undefined;
	}

	/** Committed objects of a resource, of one namespace or all (""), in key order. */
	list(resource: ResourceId, namespace = ""): StoredObject[] {
		return this.#collections.get(resource)?.list(listPrefix(resource, namespace)) ?? [];
	}

	/** The same list as it was at an earlier revision; rejects with RevisionExpiredError or RevisionAheadError. */
	async listAt(revision: number, resource: ResourceId, namespace = ""): Promise<StoredObject[]> {
		if (revision === this.#revision) return this.list(resource, namespace);
		await this.#reach(revision);
		const prefix = listPrefix(resource, namespace);
		const then = new Map(this.list(resource, namespace).map((stored) => [stored.key, stored]));
		for (const event of this.#log.after(revision).reverse()) {
			if (!event.current.key.startsWith(prefix)) continue;
			if (event.previous) then.set(event.current.key, event.previous);
			else then.delete(event.current.key);
		}
		return [...then.values()].sort((a, b) => compareKeys(a.key, b.key));
	}

	/**
	 * Writes an object. `expected` is the revision that the key must be at (0: absent); otherwise StoreConflictError is thrown
	 * at once. Resolves with the object as stored; rejects with StoreWriteError when the disk refuses it.
	 */
	async put(key: string, object: KubeObject, expected: number): Promise<StoredObject> {
		const previous = this.#expect(key, expected);
		const current = this.#stamp(key, object);
		this.#underway.set(key, current);
		await this.#queue.commit({ revision: current.revision, type: "put", current, previous });
		return current;
	}

	/** Removes an object that must be at revision `expected`. Resolves with its last state. */
	async delete(key: string, expected: number): Promise<StoredObject> {
		const previous = this.#expect(key, expected);
		if (!previous) throw new StoreConflictError(key, expected, 0);
		const current = this.#stamp(key, previous.object);
		this.#underway.set(key, null);
		await this.#queue.commit({ revision: current.revision, type: "delete", current, previous });
		return current;
	}

	/**
	 * Every committed change of a resource (of one namespace or all) after `afterRevision`: the past ones before the returned promise resolves,
	 * then each as it is committed. Rejects with RevisionExpiredError or RevisionAheadError. The result stops it.
	 */
	async watch(
		scope: { readonly resource: ResourceId; readonly namespace: string },
		afterRevision: number,
		listener: StoreListener,
	): Promise<() => void> {
		await this.#reach(afterRevision);
		const subscription = { prefix: listPrefix(scope.resource, scope.namespace), listener };
		for (const event of this.#log.after(afterRevision)) {
			if (event.current.key.startsWith(subscription.prefix)) listener(event);
		}
		return this.#subscribe(scope.resource, subscription);
	}

	/** Finishes the writes under way and lets go of the disk. */
	async close(): Promise<void> {
		await this.#queue.drain();
		await this.#log.close();
	}

	async #reach(revision: number): Promise<void> {
		if (revision > this.#revision) throw new RevisionAheadError(revision, this.#revision);
		await this.#log.reach(revision);
	}

	#subscribe(resource: ResourceId, subscription: Subscription): () => void {
		const subscriptions = this.#subscriptions.get(resource) ?? new Set();
		this.#subscriptions.set(resource, subscriptions);
		subscriptions.add(subscription);
		return () => {
			subscriptions.delete(subscription);
			if (subscriptions.size === 0 && this.#subscriptions.get(resource) === subscriptions)
				this.#subscriptions.delete(resource);
		};
	}

	#expect(key: string, expected: number): StoredObject | undefined {
		const previous = this.latest(key);
		const actual = previous?.revision ?? 0;
		if (actual !== expected) throw new StoreConflictError(key, expected, actual);
		return previous;
	}

	#stamp(key: string, object: KubeObject): StoredObject {
		const revision = ++this.#lastIssued;
		const stamped = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
		return { key, revision, object: deepFreeze(stamped), json: JSON.stringify(stamped) };
	}

	#apply(events: readonly StoreEvent[]): void {
		for (const event of events) {
			const { current } = event;
			const resource = resourceOfKey(current.key);
			if (event.type === "put") this.#collection(resource).put(current);
			else this.#collection(resource).delete(current.key);
			this.#revision = event.revision;
			this.#settle(event);
			this.#log.add(event);
			for (const { prefix, listener } of [...(this.#subscriptions.get(resource) ?? [])]) {
				if (current.key.startsWith(prefix)) listener(event);
			}
		}
		this.#log.trim();
	}

	#abandon(events: readonly StoreEvent[]): void {
		// What was to follow in the same queue is abandoned with them, so memory is again what the disk has.
		for (const event of events) this.#underway.delete(event.current.key);
	}

	#settle(event: StoreEvent): void {
		const underway = this.#underway.get(event.current.key);
		const settled = event.type === "put" ? underway === event.current : underway === null;
		// A later write of the same key may already be queued: then its state stays the one to build on.
		if (settled && !this.#queue.holds(event.current.key, event.revision)) this.#underway.delete(event.current.key);
	}

	#collection(resource: ResourceId): Collection {
		let collection = this.#collections.get(resource);
		if (!collection) {
			collection = new Collection();
			this.#collections.set(resource, collection);
		}
		return collection;
	}
}

function listPrefix(resource: ResourceId, namespace: string): string {
	return namespace === "" ? `${resource}/` : `${resource}/${namespace}/`;
}
