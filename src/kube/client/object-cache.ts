import type { KubeObject } from "../../kinds/object.ts";
import type { Change } from "./kube-client.ts";

/** The last known state of one resource's objects, frozen, by namespace and name. */
export interface ObjectCache {
	get(name: string, namespace?: string): KubeObject | undefined;
	list(): readonly KubeObject[];
	/** Takes a whole list and says what differs from before (a deletion that was missed appears as `deleted`). */
	replace(items: readonly KubeObject[]): Change<KubeObject>[];
	/** Takes one watch event; repeated events change nothing. */
	apply(event: { readonly type: string; readonly object: KubeObject }): Change<KubeObject>[];
}

export function createObjectCache(): ObjectCache {
	const objects = new Map<string, KubeObject>();
	let snapshot: readonly KubeObject[] | undefined;

	const put = (object: KubeObject): Change<KubeObject>[] => {
		const key = keyOf(object.metadata.name ?? "", object.metadata.namespace);
		const old = objects.get(key);
		if (old && isSameVersion(old, object)) return [];
		objects.set(key, deepFreeze(object));
		snapshot = undefined;
		// Deleted and made anew between two looks: two changes, as a watcher would have seen.
		if (old && old.metadata.uid !== object.metadata.uid)
			return [
				{ type: "deleted", object: old },
				{ type: "added", object },
			];
		return [old ? { type: "updated", object, old } : { type: "added", object }];
	};
	const remove = (object: KubeObject): Change<KubeObject>[] => {
		const key = keyOf(object.metadata.name ?? "", object.metadata.namespace);
		if (!objects.delete(key)) return [];
		snapshot = undefined;
		return [{ type: "deleted", object: deepFreeze(object) }];
	};
	return {
		get: (name, namespace) => objects.get(keyOf(name, namespace)),
		list() {
			snapshot ??= Object.freeze([...objects.values()]);
			return snapshot;
		},
		replace(items) {
			const kept = new Set(items.map((item) => keyOf(item.metadata.name ?? "", item.metadata.namespace)));
			const gone = [...objects].filter(([key]) => !kept.has(key)).map(([, object]) => object);
			return [...gone.flatMap(remove), ...items.flatMap(put)];
		},
		apply: ({ type, object }) => (type === "DELETED" ? remove(object) : put(object)),
	};
}

function keyOf(name: string, namespace: string | undefined): string {
	return `${namespace ?? ""}/${name}`;
}

function isSameVersion(a: KubeObject, b: KubeObject): boolean {
	return a.metadata.uid === b.metadata.uid && a.metadata.resourceVersion === b.metadata.resourceVersion;
}

/** Freezes an object tree in place; what is frozen already is not walked again. */
export function deepFreeze<T>(value: T): T {
	if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
	Object.freeze(value);
	for (const member of Object.values(value)) deepFreeze(member);
	return value;
}
