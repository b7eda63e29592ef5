import type { Readable } from "node:stream";
import type { KubeObject } from "../../kinds/object.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { readLines } from "./answer-body.ts";
import { type Change, type Informer, KubeApiError } from "./kube-client.ts";
import type { Log } from "./log.ts";
import { createObjectCache } from "./object-cache.ts";

/** What a reflector needs from its client. */
export interface ReflectorSource {
	list(): Promise<{ items: KubeObject[]; resourceVersion: string }>;
	watch(query: { resourceVersion: string; timeoutSeconds: number }, signal: AbortSignal): Promise<Readable>;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** For log lines. */
	readonly name: string;
}

interface WatchEvent {
	readonly type: string;
	readonly object: KubeObject & { readonly code?: number; readonly reason?: string; readonly message?: string };
}

const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5_000;
/** A watch that lived this long was healthy: its end is no reason to wait. */
const HEALTHY_WATCH_MS = 1_000;
const MIN_WATCH_SECONDS = 300;

/**
 * Lists, then watches from the list's resourceVersion for ever: bookmarks move the resume point, 410 lists again, every
 * other failure waits (50 ms, doubling to 5 s, ± 20 %) and resumes. The cache is never empty in between.
 */
export function createReflector(source: ReflectorSource): Informer<KubeObject> {
	const cache = createObjectCache();
	const handlers = new Set<(change: Change<KubeObject>) => void>();
	const abort = new AbortController();
	const synced = Promise.withResolvers<void>();
	let started = false;

	const emit = (changes: readonly Change<KubeObject>[]) => {
		for (const change of changes) for (const handler of [...handlers]) notify(handler, change, source);
	};
	const backoff = createBackoff(source);
	let resumeFrom: string | undefined;
	/** At most one list and one watch. */
	const cycle = async () => {
		if (resumeFrom === undefined) {
			const { items, resourceVersion } = await source.list();
			if (abort.signal.aborted) return;
			emit(cache.replace(items));
			resumeFrom = resourceVersion;
			synced.resolve();
		}
		const startedMs = source.clock.nowMs();
		const end = await watchOnce(source, resumeFrom, abort.signal, (event) => emit(cache.apply(event)));
		resumeFrom = end.expired ? undefined : end.resourceVersion;
		if (!end.expired && source.clock.nowMs() - startedMs < HEALTHY_WATCH_MS) await backoff.wait(abort.signal);
		else backoff.reset();
	};
	const run = async () => {
		while (!abort.signal.aborted) {
			try {
				await cycle();
			} catch (error) {
				if (abort.signal.aborted) return;
				if (error instanceof KubeApiError && error.code === 410) resumeFrom = undefined;
				source.log.debug({ err: error, resource: source.name }, "list or watch failed, trying again");
				await backoff.wait(abort.signal);
			}
		}
	};
	return {
		start() {
			if (started) return;
			started = true;
			void run();
		},
		synced: synced.promise,
		get: cache.get,
		list: cache.list,
		onChange(handler) {
			handlers.add(handler);
			return () => void handlers.delete(handler);
		},
		stop: () => abort.abort(),
	};
}

/** A handler that throws is a bug of its room: logged with its stack, and the others still hear the change. */
function notify(handler: (change: Change<KubeObject>) => void, change: Change<KubeObject>, source: ReflectorSource) {
	try {
		handler(change);
	} catch (error) {
		source.log.error({ err: error, resource: source.name }, "a handler of changes threw");
	}
}

/** Follows one watch to its end; says where to resume, or that history before that point is gone. */
async function watchOnce(
	source: ReflectorSource,
	resourceVersion: string,
	signal: AbortSignal,
	apply: (event: { type: string; object: KubeObject }) => void,
): Promise<{ resourceVersion: string; expired: boolean }> {
	// Spread over five minutes, so that many informers do not come back in the same second.
	const timeoutSeconds = MIN_WATCH_SECONDS + source.random.below(MIN_WATCH_SECONDS);
	const body = await source.watch({ resourceVersion, timeoutSeconds }, signal);
	let newest = resourceVersion;
	try {
		for await (const line of readLines(body)) {
			const { type, object } = JSON.parse(line) as WatchEvent;
			if (type === "ERROR") throw watchError(object);
			if (type !== "BOOKMARK") apply({ type, object });
			newest = object.metadata.resourceVersion ?? newest;
		}
	} catch (error) {
		if (error instanceof KubeApiError && error.code === 410) return { resourceVersion: newest, expired: true };
		if (error instanceof KubeApiError || signal.aborted) throw error;
		source.log.debug({ err: error, resource: source.name }, "a watch broke off, resuming");
	} finally {
		body.destroy();
	}
	return { resourceVersion: newest, expired: false };
}

function watchError(status: WatchEvent["object"]): KubeApiError {
	return new KubeApiError(status.code ?? 500, status.reason ?? "", status.message ?? "the watch failed", status);
}

function createBackoff({ clock, random }: Pick<ReflectorSource, "clock" | "random">) {
	let nextMs = FIRST_BACKOFF_MS;
	return {
		reset() {
			nextMs = FIRST_BACKOFF_MS;
		},
		wait(signal: AbortSignal): Promise<void> {
			const delayMs = nextMs * (0.8 + 0.4 * random.unit());
			nextMs = Math.min(MAX_BACKOFF_MS, nextMs * 2);
			return new Promise((resolve) => {
				const cancel = clock.after(delayMs, done);
				function done() {
					cancel();
					signal.removeEventListener("abort", done);
					resolve();
				}
				signal.addEventListener("abort", done, { once: true });
			});
		},
	};
}
