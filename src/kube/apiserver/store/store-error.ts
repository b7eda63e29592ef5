/** The object was not in the state that the writer expected. */
export class StoreConflictError extends Error {
	readonly actualRevision: number;
	constructor(key: string, expected: number, actualRevision: number) {
		super(`${key} is at revision ${actualRevision}, not ${expected}`);
		this.name = "StoreConflictError";
		this.actualRevision = actualRevision;
	}
}

/** The disk refused a write; nothing of it was kept. `cause` is the disk's own error. */
export class StoreWriteError extends Error {
	constructor(message: string, options: ErrorOptions) {
		super(message, options);
		this.name = "StoreWriteError";
	}
}

/** A revision that is no longer kept (410 Gone). */
export class RevisionExpiredError extends Error {
	readonly revision: number;
	readonly oldest: number;
	constructor(revision: number, oldest: number) {
		super(`too old resource version: ${revision} (${oldest})`);
		this.name = "RevisionExpiredError";
		this.revision = revision;
		this.oldest = oldest;
	}
}

/** A revision that does not exist yet. */
export class RevisionAheadError extends Error {
	readonly revision: number;
	readonly current: number;
	constructor(revision: number, current: number) {
		super(`Too large resource version: ${revision}, current: ${current}`);
		this.name = "RevisionAheadError";
		this.revision = revision;
		this.current = current;
	}
}

/** What was wrong in the first place: LevelDB wraps the disk's own words. */
export function deepestMessage(error: unknown): string {
	let message = String(error);
	for (let at = error; at instanceof Error; at = at.cause) message = at.message;
	return message;
}
