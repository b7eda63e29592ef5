import type { Worker } from "node:worker_threads";
import type { StatsDump } from "../../../telemetry/stats-dump.ts";
import type { FromWorker, RelayedUpdate, ToWorker, WorkerStart } from "./worker-messages.ts";

/** How long an admin page waits for a busy worker's numbers before it goes without. */
const ANSWER_WITHIN_MS = 2000;

/**
 * The threads beside the main one. Each has a data plane of its own and binds the same listeners (SO_REUSEPORT spreads connections); the main thread
 * alone talks to the control plane and sends on what it accepted.
 */
export class WorkerPool {
	readonly #workers: readonly Worker[];
	readonly #waiting = new Map<number, (message: FromWorker) => void>();
	/** A thread wants virtual hosts of a route configuration. */
	onDemand: (owner: string, names: readonly string[]) => void = () => {};
	#nextId = 1;
	#closing = false;
	#began = false;
	readonly #early: RelayedUpdate[] = [];

	/** `open` makes one thread; `onCrash` is told of one that ended by itself: a bug. */
	constructor(count: number, open: () => Worker, onCrash: (error: Error) => void) {
		this.#workers = Array.from({ length: count }, open);
		for (const worker of this.#workers) {
			worker.on("message", (message: FromWorker) => this.#received(message));
			worker.on("error", onCrash);
			worker.on("exit", (code) => {
				if (!this.#closing) onCrash(new Error(`a worker thread ended with ${code}`));
			});
		}
	}

	get size(): number {
		return this.#workers.length;
	}

	/** Resolves when every thread's static listeners are open. */
	async start(start: WorkerStart): Promise<void> {
		const started = this.#workers.map(
			(worker) =>
				new Promise<void>((resolve) => {
					const heard = ({ kind }: FromWorker) => {
						if (kind !== "started") return;
						worker.off("message", heard);
						resolve();
					};
					worker.on("message", heard);
				}),
		);
		this.tell({ kind: "start", start });
		this.#began = true;
		for (const update of this.#early.splice(0)) this.relay(update);
		await Promise.all(started);
	}

	/** What is accepted before the threads start is sent after that. */
	relay(update: RelayedUpdate): void {
		if (!this.#began) this.#early.push(update);
		else this.tell({ kind: "update", update });
	}

	tell(message: ToWorker): void {
		for (const worker of this.#workers) worker.postMessage(message);
	}

	/** The stats of every thread that answers in time. */
	async dumps(): Promise<StatsDump[]> {
		const answers = await this.#askAll((id) => ({ kind: "dump", id }), ANSWER_WITHIN_MS);
		return answers.flatMap((answer) => (answer?.kind === "dumped" ? [answer.dump] : []));
	}

	async drain(withinMs: number): Promise<void> {
		await this.#askAll((id) => ({ kind: "drain", id, withinMs }), withinMs + ANSWER_WITHIN_MS);
	}

	async close(): Promise<void> {
		this.#closing = true;
		await Promise.all(this.#workers.map((worker) => worker.terminate()));
	}

	#askAll(question: (id: number) => ToWorker, withinMs: number): Promise<(FromWorker | undefined)[]> {
		return Promise.all(
			this.#workers.map(
				(worker) =>
					new Promise<FromWorker | undefined>((resolve) => {
						const id = this.#nextId++;
						const settle = (answer: FromWorker | undefined) => {
							this.#waiting.delete(id);
							clearTimeout(timer);
							resolve(answer);
						};
						const timer = setTimeout(() => settle(undefined), withinMs);
						this.#waiting.set(id, settle);
						worker.postMessage(question(id));
					}),
			),
		);
	}

	#received(message: FromWorker): void {
		if (message.kind === "demand") this.onDemand(message.owner, message.names);
		else if (message.kind !== "started") this.#waiting.get(message.id)?.(message);
	}
}
