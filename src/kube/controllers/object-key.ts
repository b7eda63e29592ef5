import type { KubeObject, OwnerReference } from "../../kinds/object.ts";

/** `namespace/name`, or the name alone for cluster-wide objects: the key of a work queue. */
export function formatKey(object: { metadata: { namespace?: string; name?: string } }): string {
	const { namespace, name = "" } = object.metadata;
	return namespace === undefined ? name : `${namespace}/${name}`;
}

export function parseKey(key: string): { namespace: string | undefined; name: string } {
	const slash = key.indexOf("/");
	if (slash < 0) return { namespace: undefined, name: key };
	return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The one owner reference that says who manages the object. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
	return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** The reference that a managing controller writes into what it makes. */
export function controllerReference(owner: KubeObject): OwnerReference {
	return {
		apiVersion: owner.apiVersion,
		kind: owner.kind,
		name: owner.metadata.name ?? "",
		uid: owner.metadata.uid ?? "",
		controller: true,
		blockOwnerDeletion: true,
	};
}

/** JSON with sorted members, without those that are undefined: equal text means equal objects. */
export function canonicalJson(value: unknown): string {
	return JSON.stringify(value, (_, member: unknown) => {
		if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
		return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
	});
}
