import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { KubeObject } from "../../../kinds/object.ts";
import type { Journal, StoreEvent } from "./journal.ts";
import { LevelJournal } from "./level-journal.ts";
import { MemoryJournal } from "./memory-journal.ts";
import { objectKey } from "./object-key.ts";
import { Store } from "./store.ts";
import { RevisionAheadError, RevisionExpiredError, StoreConflictError, StoreWriteError } from "./store-error.ts";

const PODS = "core/pods";
const OPTIONS = {
	keepEvents: 8,
	onBackgroundError: (error: unknown) => {
		throw error;
	},
};

function pod(name: string, namespace = "default", spec: unknown = {}): KubeObject {
	return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace }, spec };
}

function key(name: string, namespace = "default"): string {
	return objectKey(PODS, namespace, name);
}

function names(events: readonly StoreEvent[]): string[] {
	return events.map((event) => `${event.type} ${event.current.object.metadata.name} ${event.revision}`);
}

interface Kit {
	store: Store;
	/** Closes the store and opens the same state again. */
	reopen(): Promise<Store>;
}

const STORES: Record<string, (run: (kit: Kit) => Promise<void>) => Promise<void>> = {
	async MemoryJournal(run) {
		const journal = new MemoryJournal();
		await withStore(async () => journal, run);
	},
	async LevelJournal(run) {
		const folder = await mkdtemp(join(tmpdir(), "lateen-store-"));
		try {
			await withStore(() => LevelJournal.open(folder), run);
		} finally {
			await rm(folder, { recursive: true });
		}
	},
};

async function withStore(openJournal: () => Promise<Journal>, run: (kit: Kit) => Promise<void>): Promise<void> {
	let store = await Store.open(await openJournal(), OPTIONS);
	try {
		await run({
			store,
			async reopen() {
				await store.close();
				store = await Store.open(await openJournal(), OPTIONS);
				return store;
			},
		});
	} finally {
		await store.close();
	}
}

for (const [name, withKit] of Object.entries(STORES)) {
	describe(`store contract on ${name}`, () => {
		const contract = (title: string, run: (store: Store, kit: Kit) => Promise<void>) =>
			test(title, () => withKit((kit) => run(kit.store, kit)));

		contract("revisions rise by one counter over all resources and are stamped on the object", async (store) => {
			const first = await store.put(key("a"), pod("a"), 0);
			const other = await store.put("core/nodes/n", { apiVersion: "v1", kind: "Node", metadata: { name: "n" } }, 0);
			assert.equal(first.object.metadata.resourceVersion, "1");
			assert.equal(other.revision, 2);
			assert.equal(store.revision, 2);
			assert.equal(JSON.parse(first.json).metadata.resourceVersion, "1");
		});

		contract("create of an existing key and update of a stale revision conflict and change nothing", async (store) => {
			await store.put(key("a"), pod("a"), 0);
			await assert.rejects(store.put(key("a"), pod("a"), 0), StoreConflictError);
			await store.put(key("a"), pod("a", "default", { x: 1 }), 1);
			await assert.rejects(store.put(key("a"), pod("a", "default", { x: 2 }), 1), StoreConflictError);
			await assert.rejects(store.delete(key("a"), 1), StoreConflictError);
			await assert.rejects(store.delete(key("b"), 0), StoreConflictError);
			assert.deepEqual(store.get(key("a"))?.object.spec, { x: 1 });
			assert.equal(store.revision, 2);
		});

		contract("two writers at the same revision: one wins, the other conflicts", async (store) => {
			await store.put(key("a"), pod("a"), 0);
			const results = await Promise.allSettled(
				[1, 2, 3].map((x) => store.put(key("a"), pod("a", "default", { x }), 1)),
			);
			assert.deepEqual(
				results.map((result) => result.status),
				["fulfilled", "rejected", "rejected"],
			);
		});

		contract(
			"a writer can build on a write that is still under way; readers see it only when it is durable",
			async (store) => {
				const first = store.put(key("a"), pod("a"), 0);
				assert.equal(store.get(key("a")), undefined);
				const second = store.put(key("a"), pod("a", "default", { x: 1 }), store.latest(key("a"))!.revision);
				const gone = store.delete(key("a"), store.latest(key("a"))!.revision);
				const again = store.put(key("a"), pod("a", "default", { x: 2 }), 0);
				await Promise.all([first, second, gone, again]);
				assert.equal(store.get(key("a"))?.revision, 4);
				assert.equal(store.latest(key("a"))?.revision, 4);
			},
		);

		contract("list is in key order and by namespace", async (store) => {
			for (const [name, namespace] of [
				["b", "x"],
				["a", "y"],
				["a", "x"],
				["c", "w"],
			] as const)
				await store.put(key(name, namespace), pod(name, namespace), 0);
			const listed = store.list(PODS).map((stored) => stored.key);
			assert.deepEqual(listed, ["core/pods/w/c", "core/pods/x/a", "core/pods/x/b", "core/pods/y/a"]);
			assert.deepEqual(
				store.list(PODS, "x").map((stored) => stored.object.metadata.name),
				["a", "b"],
			);
			assert.deepEqual(store.list("core/nodes"), []);
		});

		contract("watch from n gives every later change once, in order, then the live ones", async (store) => {
			await store.put(key("a"), pod("a"), 0);
			await store.put(key("b"), pod("b"), 0);
			const seen: StoreEvent[] = [];
			const stop = await store.watch({ resource: PODS, namespace: "" }, 1, (event) => seen.push(event));
			await store.put(key("a"), pod("a", "default", { x: 1 }), 1);
			await store.delete(key("b"), 2);
			stop();
			await store.put(key("c"), pod("c"), 0);
			assert.deepEqual(names(seen), ["put b 2", "put a 3", "delete b 4"]);
			assert.equal(seen[1]!.previous?.revision, 1);
			assert.equal(seen[2]!.current.object.metadata.resourceVersion, "4");
			assert.equal(seen[2]!.previous?.revision, 2);
		});

		contract("watch of a namespace sees only its own", async (store) => {
			const seen: StoreEvent[] = [];
			await store.watch({ resource: PODS, namespace: "x" }, 0, (event) => seen.push(event));
			await store.put(key("a", "xy"), pod("a", "xy"), 0);
			await store.put(key("a", "x"), pod("a", "x"), 0);
			assert.deepEqual(names(seen), ["put a 2"]);
		});

		contract("a write is seen by watchers before the writer hears of it", async (store) => {
			const seen: StoreEvent[] = [];
			await store.watch({ resource: PODS, namespace: "" }, 0, (event) => seen.push(event));
			await store.put(key("a"), pod("a"), 0);
			assert.equal(seen.length, 1);
		});

		contract("old revisions expire, future ones are refused", async (store) => {
			await store.put(key("a"), pod("a"), 0);
			for (let revision = 1; revision < 12; revision++) await store.put(key("a"), pod("a"), revision);
			await assert.rejects(
				store.watch({ resource: PODS, namespace: "" }, 1, () => {}),
				RevisionExpiredError,
			);
			await assert.rejects(store.listAt(1, PODS), RevisionExpiredError);
			await assert.rejects(
				store.watch({ resource: PODS, namespace: "" }, 13, () => {}),
				RevisionAheadError,
			);
			const stop = await store.watch({ resource: PODS, namespace: "" }, store.compactedRevision, () => {});
			stop();
		});

		contract("listAt gives the state as it was", async (store) => {
			await store.put(key("a"), pod("a"), 0);
			await store.put(key("b"), pod("b"), 0);
			await store.put(key("a"), pod("a", "default", { x: 1 }), 1);
			await store.delete(key("b"), 2);
			await store.put(key("c"), pod("c"), 0);
			const then = await store.listAt(2, PODS);
			assert.deepEqual(
				then.map((stored) => [stored.object.metadata.name, stored.revision]),
				[
					["a", 1],
					["b", 2],
				],
			);
		});

		contract("everything acknowledged is there after opening again, with its history", async (store, kit) => {
			await store.put(key("a"), pod("a"), 0);
			await store.put(key("b"), pod("b"), 0);
			await store.put(key("a"), pod("a", "default", { x: 1 }), 1);
			await store.delete(key("b"), 2);
			const reopened = await kit.reopen();
			assert.equal(reopened.revision, 4);
			assert.deepEqual(
				reopened.list(PODS).map((stored) => stored.object.spec),
				[{ x: 1 }],
			);
			const seen: StoreEvent[] = [];
			await reopened.watch({ resource: PODS, namespace: "" }, 2, (event) => seen.push(event));
			await reopened.put(key("c"), pod("c"), 0);
			assert.deepEqual(names(seen), ["put a 3", "delete b 4", "put c 5"]);
		});

		contract("compaction survives opening again", async (store, kit) => {
			await store.put(key("a"), pod("a"), 0);
			for (let revision = 1; revision < 12; revision++) await store.put(key("a"), pod("a"), revision);
			const { compactedRevision } = store;
			assert.ok(compactedRevision > 0);
			const reopened = await kit.reopen();
			assert.equal(reopened.compactedRevision, compactedRevision);
			assert.equal(reopened.revision, 12);
			await assert.rejects(reopened.listAt(1, PODS), RevisionExpiredError);
			assert.equal((await reopened.listAt(compactedRevision, PODS))[0]?.revision, compactedRevision);
		});
	});
}

/** A disk that refuses while `full` is set. */
class FullDisk extends MemoryJournal {
	full = false;

	override async append(events: readonly StoreEvent[]): Promise<void> {
		if (this.full) throw new Error("ENOSPC: no space left on device");
		await super.append(events);
	}
}

test("a full disk fails the write and all that build on it, and leaves nothing half done", async () => {
	const disk = new FullDisk();
	const store = await Store.open(disk, OPTIONS);
	await store.put(key("a"), pod("a"), 0);
	disk.full = true;
	const seen: StoreEvent[] = [];
	await store.watch({ resource: PODS, namespace: "" }, 1, (event) => seen.push(event));
	const first = store.put(key("a"), pod("a", "default", { x: 1 }), 1);
	const second = store.put(key("a"), pod("a", "default", { x: 2 }), 2);
	await assert.rejects(first, (error) => error instanceof StoreWriteError && /no space left/.test(error.message));
	await assert.rejects(second, StoreWriteError);
	assert.equal(store.latest(key("a"))?.revision, 1);
	assert.deepEqual(seen, []);
	disk.full = false;
	await store.put(key("a"), pod("a", "default", { x: 3 }), 1);
	assert.deepEqual(store.get(key("a"))?.object.spec, { x: 3 });
});
