import type { Journal, StoreEvent } from "./journal.ts";
import { deepestMessage, StoreWriteError } from "./store-error.ts";

interface Waiting {
	readonly event: StoreEvent;
	resolve(): void;
	reject(error: Error): void;
}

/** What happens around a commit; both run before the writers hear of it. */
export interface CommitHandlers {
	onCommitted(events: readonly StoreEvent[]): void;
	onFailed(events: readonly StoreEvent[]): void;
}

/** Group commit: while one batch is on its way to the disk, the next gathers, so that writers share the cost of a sync. */
export class CommitQueue {
	readonly #journal: Journal;
	readonly #handlers: CommitHandlers;
	#waiting: Waiting[] = [];
	#running: Promise<void> | undefined;

	constructor(journal: Journal, handlers: CommitHandlers) {
		this.#journal = journal;
		this.#handlers = handlers;
	}

	/** Resolves when the event is durable and visible. */
	commit(event: StoreEvent): Promise<void> {
		const committed = new Promise<void>((resolve, reject) => {
			this.#waiting.push({ event, resolve, reject });
		});
		this.#running ??= this.#run();
		return committed;
	}

	/** True when a change of this key after `revision` waits for its batch. */
	holds(key: string, revision: number): boolean {
		return this.#waiting.some(({ event }) => event.current.key === key && event.revision > revision);
	}

	/** Resolves when nothing is under way. */
	async drain(): Promise<void> {
		while (this.#running) await this.#running;
	}

	async #run(): Promise<void> {
		// One turn of the event loop lets writers that came together share the first batch too.
		await undefined;
		while (this.#waiting.length > 0) {
			const batch = this.#waiting;
			this.#waiting = [];
			await this.#write(batch);
		}
		this.#running = undefined;
	}

	async #write(batch: readonly Waiting[]): Promise<void> {
		const events = batch.map(({ event }) => event);
		try {
			await this.#journal.append(events);
		} catch (cause) {
			this.#fail(batch, cause);
			return;
		}
		this.#handlers.onCommitted(events);
		for (const { resolve } of batch) resolve();
	}

	/** Writes that gathered meanwhile may build on the failed ones, so they fail with them. */
	#fail(batch: readonly Waiting[], cause: unknown): void {
		const failed = [...batch, ...this.#waiting];
		this.#waiting = [];
		this.#handlers.onFailed(failed.map(({ event }) => event));
		const reason = deepestMessage(cause);
		for (const { reject } of failed) {
			reject(new StoreWriteError(`the store could not write to its disk: ${reason}`, { cause }));
		}
	}
}
