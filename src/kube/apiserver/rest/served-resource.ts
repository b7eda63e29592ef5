import { formatApiVersion } from "../../../kinds/api-version.ts";
import type { KindDefinition } from "../../../kinds/definition.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import { convertObject } from "../../../kinds/object-pipeline.ts";
import { type ResourceId, resourceId } from "../store/object-key.ts";

/** A kind in one of its served versions: what a URL names. */
export interface ServedResource {
	readonly kind: KindDefinition;
	readonly version: string;
	/** `apps/v1`. */
	readonly apiVersion: string;
	/** Where its objects are kept; the same for all versions, and for a resource and its alias. */
	readonly storage: ResourceId;
}

export function servedResource(kind: KindDefinition, version: string): ServedResource {
	const { group, plural } = kind.aliasOf ?? kind;
	return { kind, version, apiVersion: formatApiVersion(kind.group, version), storage: resourceId(group, plural) };
}

/** True when an object of this resource goes over the wire exactly as it is kept. */
export function isStoredForm({ kind, version }: ServedResource): boolean {
	return kind.aliasOf === undefined && version === kind.storageVersion;
}

/** A kept object as this resource shows it. */
export function fromStored(resource: ServedResource, stored: KubeObject): KubeObject {
	if (isStoredForm(resource)) return stored;
	const { kind, version } = resource;
	return convertObject(kind, kind.aliasOf ? kind.aliasOf.fromStored(stored) : stored, version);
}

/** An object of this resource as it is kept. */
export function toStored(resource: ServedResource, object: KubeObject): KubeObject {
	if (isStoredForm(resource)) return object;
	const { kind } = resource;
	const converted = convertObject(kind, object, kind.storageVersion);
	return kind.aliasOf ? kind.aliasOf.toStored(converted) : converted;
}
