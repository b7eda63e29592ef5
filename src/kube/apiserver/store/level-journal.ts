import { ClassicLevel } from "classic-level";
import type { KubeObject } from "../../../kinds/object.ts";
import { deepFreeze } from "./deep-freeze.ts";
import type { Journal, JournalState, StoredObject, StoreEvent } from "./journal.ts";

const OBJECTS = "/registry/";
const OBJECTS_END = "/registry0";
const CHANGES = "rev/";
const CHANGES_END = "rev0";
const COMPACTED = "meta/compacted";

type Database = ClassicLevel<string, string>;
type Operation = { type: "put"; key: string; value: string } | { type: "del"; key: string };

/** A change as it lies on the disk. */
interface ChangeRecord {
	readonly type: "put" | "delete";
	readonly key: string;
	readonly current: KubeObject;
	readonly previous: KubeObject | null;
}

/**
 * The journal on LevelDB: `/registry/<key>` holds the current objects, `rev/<16 digits>` the changes; both are written
 * in one synced batch, so a crash leaves either all of a write or nothing.
 */
export class LevelJournal implements Journal {
	#database: Database;
	readonly #location: string;
	/** Newest revision that `append` has promised. */
	#revision = 0;
	/** Set while the files may hold something that was reported as failed. */
	#damaged = false;

	private constructor(location: string, database: Database) {
		this.#location = location;
		this.#database = database;
	}

	/** Opens or creates the store in a folder; rejects with LevelDB's error (`LEVEL_LOCKED` when another process has it). */
	static async open(location: string): Promise<LevelJournal> {
		return new LevelJournal(location, await openDatabase(location));
	}

	async load(): Promise<JournalState> {
		const objects: StoredObject[] = [];
		for await (const [key, json] of this.#database.iterator({ gte: OBJECTS, lt: OBJECTS_END })) {
			objects.push(parseStored(key.slice(OBJECTS.length), json));
		}
		const compacted = Number((await this.#database.get(COMPACTED)) ?? "0");
		const [newest] = await this.#database.keys({ gte: CHANGES, lt: CHANGES_END, reverse: true, limit: 1 }).all();
		this.#revision = newest === undefined ? compacted : revisionOf(newest);
		return { objects, revision: this.#revision, compacted };
	}

	async append(events: readonly StoreEvent[]): Promise<void> {
		if (this.#damaged) await this.#repair();
		try {
			await this.#database.batch(events.flatMap(operations), { sync: true });
		} catch (cause) {
			this.#damaged = true;
			await this.#repair().catch(() => undefined); // still damaged: the next append tries again and tells
			throw cause;
		}
		this.#revision = events.at(-1)!.revision;
	}

	async history(afterRevision: number): Promise<StoreEvent[]> {
		const events: StoreEvent[] = [];
		for await (const [key, value] of this.#database.iterator({ gt: changeKey(afterRevision), lt: CHANGES_END })) {
			events.push(parseEvent(key, value));
		}
		return events;
	}

	async compact(uptoRevision: number): Promise<void> {
		await this.#database.put(COMPACTED, String(uptoRevision));
		await this.#database.clear({ gte: CHANGES, lte: changeKey(uptoRevision) });
	}

	async close(): Promise<void> {
		await this.#database.close();
	}

	/**
	 * After a failed write LevelDB's log may end in a torn record, after which nothing may be appended. Opening anew starts a fresh
	 * log; a failed batch that reached the disk after all is taken back.
	 */
	async #repair(): Promise<void> {
		await this.#database.close();
		this.#database = await openDatabase(this.#location);
		const unpromised = await this.history(this.#revision);
		if (unpromised.length > 0) await this.#database.batch(unpromised.reverse().flatMap(inverse), { sync: true });
		this.#damaged = false;
	}
}

async function openDatabase(location: string): Promise<Database> {
	const database: Database = new ClassicLevel<string, string>(location, {
		keyEncoding: "utf8",
		valueEncoding: "utf8",
		writeBufferSize: 8 * 1024 * 1024,
	});
	await database.open();
	return database;
}

function operations(event: StoreEvent): Operation[] {
	const { key, json } = event.current;
	const previous = event.previous?.json ?? "null";
	const record = `{"type":"${event.type}","key":${JSON.stringify(key)},"current":${json},"previous":${previous}}`;
	return [
		event.type === "put" ? { type: "put", key: OBJECTS + key, value: json } : { type: "del", key: OBJECTS + key },
		{ type: "put", key: changeKey(event.revision), value: record },
	];
}

function inverse(event: StoreEvent): Operation[] {
	const key = OBJECTS + event.current.key;
	return [
		event.previous ? { type: "put", key, value: event.previous.json } : { type: "del", key },
		{ type: "del", key: changeKey(event.revision) },
	];
}

function parseEvent(key: string, value: string): StoreEvent {
	const record = JSON.parse(value) as ChangeRecord;
	return {
		revision: revisionOf(key),
		type: record.type,
		current: toStored(record.key, record.current),
		previous: record.previous === null ? undefined : toStored(record.key, record.previous),
	};
}

function parseStored(key: string, json: string): StoredObject {
	const object = JSON.parse(json) as KubeObject;
	return { key, revision: Number(object.metadata.resourceVersion), object: deepFreeze(object), json };
}

function toStored(key: string, object: KubeObject): StoredObject {
	return {
		key,
		revision: Number(object.metadata.resourceVersion),
		object: deepFreeze(object),
		json: JSON.stringify(object),
	};
}

function changeKey(revision: number): string {
	return CHANGES + String(revision).padStart(16, "0");
}

function revisionOf(changeKeyText: string): number {
	return Number(changeKeyText.slice(CHANGES.length));
}
