import type { KubeObject } from "../../kinds/object.ts";
import type { Change, Informer } from "./kube-client.ts";

/** Looks objects of an informer up by something other than their name. */
export interface ObjectIndex<T extends KubeObject> {
	/** Objects under the key, in no particular order. */
	get(key: string): readonly T[];
}

/**
 * An index over an informer that follows its changes; `keysOf` gives the keys of one object (labels, owner uids, ...).
 * Make it before handlers that read it are added, so that it is up to date when they run.
 */
export function indexObjects<T extends KubeObject>(
	informer: Informer<T>,
	keysOf: (object: T) => readonly string[],
): ObjectIndex<T> {
	const byKey = new Map<string, Map<string, T>>();
	const put = (object: T) => {
		for (const key of keysOf(object)) {
			const under = byKey.get(key) ?? new Map<string, T>();
			byKey.set(key, under);
			under.set(identity(object), object);
		}
	};
	const drop = (object: T) => {
		for (const key of keysOf(object)) {
			const under = byKey.get(key);
			under?.delete(identity(object));
			if (under?.size === 0) byKey.delete(key);
		}
	};
	for (const object of informer.list()) put(object);
	informer.onChange((change: Change<T>) => {
		if (change.type === "updated") drop(change.old);
		if (change.type === "deleted") drop(change.object);
		else put(change.object);
	});
	return { get: (key) => [...(byKey.get(key)?.values() ?? [])] };
}

function identity(object: KubeObject): string {
	return `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
}
