import type { ApiError } from "../http/api-error.ts";
import { expired, internalError } from "../http/api-error.ts";
import type { AnswerStream, Exchange } from "../http/exchange.ts";
import type { StoredObject, StoreEvent } from "../store/journal.ts";
import { RevisionAheadError, RevisionExpiredError } from "../store/store-error.ts";
import type { ApiContext } from "./api-context.ts";
import type { ListOptions } from "./list-options.ts";
import { type Presentation, presentBookmark, presentEvent } from "./present.ts";
import { ahead, select } from "./read-objects.ts";
import type { RequestScope } from "./request-scope.ts";
import { fromStored } from "./served-resource.ts";

const BOOKMARK_EVERY_MS = 60_000;
const DEFAULT_TIMEOUT_MS = 30 * 60_000;
/** A client that does not read is cut off here; it resumes from its last revision. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;

type EventType = "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";

/** GET with `watch=true`: streams events, one JSON object a line, until the timeout, the client or an error ends it. */
export async function watchObjects(
	context: ApiContext,
	exchange: Exchange,
	scope: RequestScope,
	options: ListOptions,
	present: () => Presentation,
): Promise<void> {
	const { store } = context;
	if ((options.resourceVersion ?? 0) > store.revision)
		throw ahead(new RevisionAheadError(options.resourceVersion ?? 0, store.revision));
	const stream = exchange.stream({ "content-type": "application/json" });
	const watch = new WatchStream(stream, options, present);
	const ends = [
		context.clock.after(timeoutMs(context, options), () => watch.finish(store.revision)),
		keepBookmarking(context, () => watch.bookmark(store.revision)),
	];
	stream.onClose(() => {
		for (const end of ends) end();
		watch.stop();
	});
	const after = sendInitial(context, scope, options, watch);
	await follow(context, scope, after, watch);
}

/** Sends the present state where the client asked for it; the result is the revision from which changes follow. */
function sendInitial(
	{ store }: ApiContext,
	{ resource, namespace }: RequestScope,
	options: ListOptions,
	watch: WatchStream,
): number {
	const from = options.resourceVersion ?? 0;
	if (from > 0 && !options.sendInitialEvents) return from;
	const { revision } = store;
	for (const stored of select(store.list(resource.storage, namespace), resource, options)) watch.send("ADDED", stored);
	if (options.sendInitialEvents && options.allowBookmarks) watch.bookmark(revision, true);
	return revision;
}

async function follow(context: ApiContext, scope: RequestScope, after: number, watch: WatchStream): Promise<void> {
	try {
		const range = { resource: scope.resource.storage, namespace: scope.namespace };
		watch.stopsWith(await context.store.watch(range, after, (event) => watch.onChange(event)));
	} catch (error) {
		if (error instanceof RevisionExpiredError) watch.fail(expired(error.message));
		else {
			context.logger.error({ err: error }, "a watch failed");
			watch.fail(internalError(error));
		}
	}
}

/** As kube-apiserver: half an hour to an hour, so that not all clients come back at once. */
function timeoutMs({ random }: ApiContext, { timeoutSeconds }: ListOptions): number {
	return timeoutSeconds ? timeoutSeconds * 1000 : DEFAULT_TIMEOUT_MS * (1 + random.unit());
}

function keepBookmarking({ clock }: ApiContext, bookmark: () => void): () => void {
	let cancel = clock.after(BOOKMARK_EVERY_MS, tick);
	function tick() {
		bookmark();
		cancel = clock.after(BOOKMARK_EVERY_MS, tick);
	}
	return () => cancel();
}

/** Writes events in the client's form and decides which of them it sees. */
class WatchStream {
	readonly #stream: AnswerStream;
	readonly #options: ListOptions;
	readonly #present: () => Presentation;
	#isFirst = true;
	#isOpen = true;
	#unsubscribe: (() => void) | undefined;

	constructor(stream: AnswerStream, options: ListOptions, present: () => Presentation) {
		this.#stream = stream;
		this.#options = options;
		this.#present = present;
	}

	stopsWith(unsubscribe: () => void): void {
		if (this.#isOpen) this.#unsubscribe = unsubscribe;
		else unsubscribe();
	}

	stop(): void {
		this.#isOpen = false;
		this.#unsubscribe?.();
		this.#unsubscribe = undefined;
	}

	/** An object that begins to match is added to the client's view, one that ceases is deleted from it. */
	onChange(event: StoreEvent): void {
		const matched = event.previous !== undefined && this.#matches(event.previous);
		if (event.type === "delete") {
			if (matched) this.send("DELETED", event.current);
		} else if (this.#matches(event.current)) this.send(matched ? "MODIFIED" : "ADDED", event.current);
		else if (matched) this.send("DELETED", leaving(event));
	}

	send(type: EventType, stored: StoredObject): void {
		this.#write(type, presentEvent(this.#present(), stored, this.#isFirst));
		this.#isFirst = false;
	}

	bookmark(revision: number, endsInitialEvents = false): void {
		if (!this.#options.allowBookmarks) return;
		this.#write("BOOKMARK", presentBookmark(this.#present(), revision, endsInitialEvents));
	}

	fail(error: ApiError): void {
		this.#write("ERROR", JSON.stringify(error.status));
		this.#end();
	}

	/** The timeout: a last bookmark saves the client from reading old changes again. */
	finish(revision: number): void {
		this.bookmark(revision);
		this.#end();
	}

	#end(): void {
		if (this.#isOpen) this.#stream.end();
		this.stop();
	}

	#matches(stored: StoredObject): boolean {
		const { matches } = this.#options;
		return !matches || matches(fromStored(this.#present().resource, stored.object));
	}

	#write(type: EventType, objectJson: string): void {
		if (!this.#isOpen) return;
		this.#stream.write(`{"type":"${type}","object":${objectJson}}\n`);
		if (this.#stream.bufferedBytes() <= MAX_BUFFERED_BYTES) return;
		this.stop();
		this.#stream.destroy();
	}
}

/** What a client whose selector no longer matches is told: the last state that matched, at the revision of the change. */
function leaving({ previous, current }: StoreEvent): StoredObject {
	const object = {
		...previous!.object,
		metadata: { ...previous!.object.metadata, resourceVersion: String(current.revision) },
	};
	return { key: current.key, revision: current.revision, object, json: JSON.stringify(object) };
}
