import type { KubeObject } from "../../kinds/object.ts";
import type { Clock } from "../../lib/clock.ts";
import { KubeApiError, type KubeClient } from "./kube-client.ts";
import type { Log } from "./log.ts";
import { RESOURCES } from "./resources.ts";

/** Tells users what happened to an object (`kubectl describe`, `kubectl get events`). Never throws, never waits. */
export interface EventRecorder {
	/** `fieldPath` narrows it to a part: `spec.containers{app}`. */
	record(about: KubeObject, event: RecordedEvent): void;
	/** Resolves when all that was recorded so far is written or given up. */
	flush(): Promise<void>;
}

export interface RecordedEvent {
	readonly type: "Normal" | "Warning";
	/** CamelCase word (`Started`, `BackOff`). */
	readonly reason: string;
	readonly message: string;
	readonly fieldPath?: string;
}

export interface EventRecorderOptions {
	readonly client: KubeClient;
	readonly clock: Clock;
	readonly log: Log;
	/** `source.component`: kubelet, deployment-controller, ... */
	readonly component: string;
	/** `source.host`: the node, for the kubelet. */
	readonly host?: string;
}

/** Most repeated events that are remembered for counting, least recently used dropped first. */
const MAX_REMEMBERED = 2048;
/** Upstream's spam filter: a burst per object, refilled one in five minutes. */
const BURST_PER_OBJECT = 25;
const REFILL_MS = 300_000;
/** Events kept in memory while the server is slow; older ones win, the loss is logged. */
const MAX_PENDING = 1000;

interface Remembered {
	readonly name: string;
	count: number;
}

/** A recorder for one component; the same event again raises `count` instead of making another object. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
	const remembered = new Map<string, Remembered>();
	const budget = spamFilter(options.clock);
	let serial = 0;
	let pending = 0;
	let tail: Promise<void> = Promise.resolve();

	const write = async (about: KubeObject, event: RecordedEvent, atMs: number) => {
		const key = [about.metadata.uid, event.type, event.reason, event.message, event.fieldPath].join("\n");
		const known = remembered.get(key);
		remembered.delete(key);
		if (known && (await raiseCount(options.client, about, known, atMs))) {
			remembered.set(key, known);
			return;
		}
		// As upstream: the time in nanoseconds, here with a serial number for what the clock cannot tell apart.
		const nanos = BigInt(Math.floor(atMs)) * 1_000_000n + BigInt(serial++ % 1_000_000);
		const name = `${about.metadata.name}.${nanos.toString(16)}`;
		await options.client.create(RESOURCES.events, eventObject(options, about, event, { name, atMs }));
		remembered.set(key, { name, count: 1 });
		const oldest = remembered.keys().next().value;
		if (remembered.size > MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
	};
	return {
		record(about, event) {
			if (!budget(about.metadata.uid ?? "")) return;
			if (pending >= MAX_PENDING) return options.log.warn({ event }, "an event was dropped: the server is too slow");
			const atMs = options.clock.epochMs();
			pending++;
			tail = tail
				.then(() => write(about, event, atMs))
				.catch((error: unknown) => options.log.debug({ err: error, event }, "an event could not be written"))
				.finally(() => void pending--);
		},
		flush: () => tail,
	};
}

/** Whether the event was there to be counted up (it may have expired). */
async function raiseCount(client: KubeClient, about: KubeObject, known: Remembered, atMs: number): Promise<boolean> {
	known.count++;
	const patch = { count: known.count, lastTimestamp: timestamp(atMs) };
	try {
		await client.patch(RESOURCES.events, known.name, patch, { namespace: about.metadata.namespace ?? "default" });
		return true;
	} catch (error) {
		if (error instanceof KubeApiError && error.code === 404) return false;
		throw error;
	}
}

function eventObject(
	{ component, host }: EventRecorderOptions,
	about: KubeObject,
	event: RecordedEvent,
	{ name, atMs }: { name: string; atMs: number },
): KubeObject {
	const { namespace, uid, resourceVersion, name: aboutName } = about.metadata;
	return {
		apiVersion: "v1",
		kind: "Event",
		metadata: { name, namespace: namespace ?? "default" }, // events about cluster-wide objects live in default
		involvedObject: {
			apiVersion: about.apiVersion,
			kind: about.kind,
			name: aboutName,
			...(namespace === undefined ? {} : { namespace }),
			uid,
			resourceVersion,
			...(event.fieldPath === undefined ? {} : { fieldPath: event.fieldPath }),
		},
		type: event.type,
		reason: event.reason,
		message: event.message.slice(0, 1024),
		source: { component, ...(host === undefined ? {} : { host }) },
		reportingComponent: component,
		reportingInstance: host ?? "",
		firstTimestamp: timestamp(atMs),
		lastTimestamp: timestamp(atMs),
		count: 1,
	};
}

/** Metadata times are whole seconds in UTC. */
export function timestamp(epochMs: number): string {
	return new Date(epochMs).toISOString().replace(/\.\d+Z$/, "Z");
}

function spamFilter(clock: Clock): (uid: string) => boolean {
	const buckets = new Map<string, { tokens: number; atMs: number }>();
	return (uid) => {
		const nowMs = clock.nowMs();
		const bucket = buckets.get(uid) ?? { tokens: BURST_PER_OBJECT, atMs: nowMs };
		const refilled = Math.min(BURST_PER_OBJECT, bucket.tokens + (nowMs - bucket.atMs) / REFILL_MS);
		buckets.delete(uid);
		buckets.set(uid, { tokens: Math.max(0, refilled - 1), atMs: nowMs });
		const oldest = buckets.keys().next().value;
		if (buckets.size > MAX_REMEMBERED && oldest !== undefined) buckets.delete(oldest);
		return refilled >= 1;
	};
}
