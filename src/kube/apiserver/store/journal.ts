import type { KubeObject } from "../../../kinds/object.ts";

/** One object as it is at a revision. `json` is its wire form in the storage version. */
export interface StoredObject {
	readonly key: string;
	readonly revision: number;
	readonly object: KubeObject;
	readonly json: string;
}

/** One committed change. A deletion's `current` is the last state with the deletion's own resourceVersion. */
export interface StoreEvent {
	readonly revision: number;
	readonly type: "put" | "delete";
	readonly current: StoredObject;
	readonly previous: StoredObject | undefined;
}

/** What a journal holds when it is opened. */
export interface JournalState {
	readonly objects: readonly StoredObject[];
	/** Highest committed revision. */
	readonly revision: number;
	/** Changes up to and including this revision are no longer kept. */
	readonly compacted: number;
}

/** Where the store's state survives the process. Calls to `append` never overlap. */
export interface Journal {
	load(): Promise<JournalState>;
	/** Makes all events durable, all or none; when it rejects, none may be seen by a later `load`. */
	append(events: readonly StoreEvent[]): Promise<void>;
	/** Kept changes after a revision, oldest first. */
	history(afterRevision: number): Promise<StoreEvent[]>;
	/** Forgets changes up to and including a revision. */
	compact(uptoRevision: number): Promise<void>;
	close(): Promise<void>;
}
