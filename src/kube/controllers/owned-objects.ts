import type { KubeObject } from "../../kinds/object.ts";
import type { Clock } from "../../lib/clock.ts";
import { type Informer, KubeApiError, type KubeClient, type ResourceRef } from "../client/kube-client.ts";
import { indexObjects } from "../client/object-index.ts";
import { type LabelSelector, matchesSelector } from "../client/workloads.ts";
import { controllerOf, controllerReference, formatKey } from "./object-key.ts";

/**
 * The objects of one resource by the uid of their managing controller, including own writes that the informer has not
 * seen yet: a controller that decides on what it wrote a millisecond ago neither makes nor deletes twice.
 */
export interface OwnedObjects<T extends KubeObject> {
	ownedBy(uid: string): T[];
	/** Tells that this version exists now (the answer to a write). */
	noteWritten(object: T): void;
	/** Tells that the deletion of this object was asked for. */
	noteDeleted(object: T): void;
	/** Takes over orphans that match the selector and lets go of owned objects that no longer match; then what is owned. */
	claim(owner: KubeObject, selector: LabelSelector): Promise<T[]>;
}

export interface OwnedObjectsOptions<T extends KubeObject> {
	readonly client: KubeClient;
	readonly ref: ResourceRef;
	readonly informer: Informer<T>;
	readonly clock: Clock;
}

/** An own write that no watch event confirmed for so long was undone by someone else meanwhile. */
const OWN_WRITE_TTL_MS = 30_000;

export function createOwnedObjects<T extends KubeObject>(options: OwnedObjectsOptions<T>): OwnedObjects<T> {
	const { client, ref, informer, clock } = options;
	const byOwner = indexObjects(informer, (object) => [controllerOf(object)?.uid ?? ""]);
	const written = new Map<string, { object: T; atMs: number }>();
	const deleted = new Map<string, string>();
	informer.onChange(({ type, object }) => {
		const key = formatKey(object);
		const own = written.get(key);
		if (own && (type === "deleted" || isAtLeast(object, own.object))) written.delete(key);
		if (type === "deleted" && deleted.get(key) === object.metadata.uid) deleted.delete(key);
	});
	const isGone = (object: T) => deleted.get(formatKey(object)) === object.metadata.uid;
	/** Own writes that still wait for their watch event. */
	const ownWrites = (): T[] => {
		for (const [key, { atMs }] of written) if (clock.nowMs() - atMs > OWN_WRITE_TTL_MS) written.delete(key);
		return [...written.values()].map(({ object }) => object);
	};

	const owned: OwnedObjects<T> = {
		ownedBy(uid) {
			const own = ownWrites().filter((object) => controllerOf(object)?.uid === uid);
			const seen = byOwner.get(uid).filter((object) => !written.has(formatKey(object)));
			return [...seen, ...own].filter((object) => !isGone(object));
		},
		noteWritten(object) {
			const seen = informer.get(object.metadata.name ?? "", object.metadata.namespace);
			if (!seen || !isAtLeast(seen, object)) written.set(formatKey(object), { object, atMs: clock.nowMs() });
		},
		noteDeleted(object) {
			written.delete(formatKey(object));
			if (informer.get(object.metadata.name ?? "", object.metadata.namespace))
				deleted.set(formatKey(object), object.metadata.uid ?? "");
		},
		async claim(owner, selector) {
			const uid = owner.metadata.uid ?? "";
			const orphans = byOwner.get("").filter((orphan) => isAdoptable(orphan, owner, selector));
			for (const orphan of orphans)
				owned.noteWritten(await setOwner(client, ref, orphan, [controllerReference(owner)]));
			const strangers = owned.ownedBy(uid).filter((object) => !matchesSelector(selector, object.metadata.labels));
			for (const stranger of strangers) {
				const others = stranger.metadata.ownerReferences?.filter((reference) => reference.uid !== uid) ?? [];
				owned.noteWritten(await setOwner(client, ref, stranger, others));
			}
			return owned.ownedBy(uid);
		},
	};
	return owned;
}

function isAdoptable(object: KubeObject, owner: KubeObject, selector: LabelSelector): boolean {
	const { namespace, deletionTimestamp, labels } = object.metadata;
	const isLeaving = deletionTimestamp !== undefined || owner.metadata.deletionTimestamp !== undefined;
	return !isLeaving && namespace === owner.metadata.namespace && matchesSelector(selector, labels);
}

async function setOwner<T extends KubeObject>(
	client: KubeClient,
	ref: ResourceRef,
	object: T,
	ownerReferences: unknown[],
): Promise<T> {
	const { name = "", namespace, uid, resourceVersion } = object.metadata;
	const patch = { metadata: { uid, resourceVersion, ownerReferences } };
	try {
		return await client.patch<T>(ref, name, patch, { namespace });
	} catch (error) {
		if (error instanceof KubeApiError && error.code === 404) return object; // gone meanwhile: nothing to claim
		throw error;
	}
}

/** Versions of one server count up; a version that is no number counts as newer. */
function isAtLeast(seen: KubeObject, written: KubeObject): boolean {
	return !(Number(seen.metadata.resourceVersion) < Number(written.metadata.resourceVersion));
}
