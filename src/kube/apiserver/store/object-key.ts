/** Identifies a resource in the store whatever its version: `apps/deployments`, `core/pods`. */
export type ResourceId = string;

/** The id under which every version of a resource is kept. */
export function resourceId(group: string, plural: string): ResourceId {
	return `${group === "" ? "core" : group}/${plural}`;
}

/** Key of one object: `core/pods/default/web-0`, or `core/nodes/laptop` when cluster-scoped (namespace ""). */
export function objectKey(resource: ResourceId, namespace: string, name: string): string {
	return namespace === "" ? `${resource}/${name}` : `${resource}/${namespace}/${name}`;
}

/** The resource of a key made by `objectKey`. */
export function resourceOfKey(key: string): ResourceId {
	const second = key.indexOf("/", key.indexOf("/") + 1);
	return key.slice(0, second);
}
