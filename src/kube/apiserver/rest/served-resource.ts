import { formatApiVersion } from "../../../kinds/api-version.ts";
import { schemaOf } from "../../../kinds/catalogue.ts";
import type { Column, KindDefinition } from "../../../kinds/definition.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import { convertObject } from "../../../kinds/object-pipeline.ts";
import { applySchemaDefaults, hasDefaults } from "../../../kinds/schema/defaults.ts";
import { deepFreeze } from "../store/deep-freeze.ts";
import { type ResourceId, resourceId } from "../store/object-key.ts";

/** A kind in one of its served versions: what a URL names. */
export interface ServedResource {
	readonly kind: KindDefinition;
	readonly version: string;
	/** `apps/v1`. */
	readonly apiVersion: string;
	/** Where its objects are kept; the same for all versions, and for a resource and its alias. */
	readonly storage: ResourceId;
	/** Of `kubectl get`, in this version. */
	readonly columns: readonly Column[];
	/**
	 * Custom resources whose schema has defaults: objects that were stored before a default came get it when they are read. What
	 * was filled in is remembered here by what is stored.
	 */
	readonly completed: WeakMap<KubeObject, KubeObject> | undefined;
}

export function servedResource(kind: KindDefinition, version: string): ServedResource {
	const { group, plural } = kind.aliasOf ?? kind;
	const fillsIn = kind.origin === "custom" && hasDefaults(schemaOf(kind, version));
	return {
		kind,
		version,
		apiVersion: formatApiVersion(kind.group, version),
		storage: resourceId(group, plural),
		columns: kind.columnsByVersion?.[version] ?? kind.columns,
		completed: fillsIn ? new WeakMap() : undefined,
	};
}

/** True when an object of this resource goes over the wire exactly as it is kept. */
export function isStoredForm(resource: ServedResource): boolean {
	return isStorageVersion(resource) && resource.completed === undefined;
}

function isStorageVersion({ kind, version }: ServedResource): boolean {
	return kind.aliasOf === undefined && version === kind.storageVersion;
}

/** A kept object as this resource shows it. */
export function fromStored(resource: ServedResource, stored: KubeObject): KubeObject {
	if (isStorageVersion(resource)) return complete(resource, stored);
	const { kind, version } = resource;
	const object = kind.aliasOf ? kind.aliasOf.fromStored(stored) : stored;
	return convertObject(kind, complete(resource, object), version);
}

function complete({ kind, version, completed }: ServedResource, stored: KubeObject): KubeObject {
	if (!completed) return stored;
	const known = completed.get(stored);
	if (known) return known;
	const object = structuredClone(stored);
	applySchemaDefaults(schemaOf(kind, version), object);
	completed.set(stored, deepFreeze(object));
	return object;
}

/** An object of this resource as it is kept. */
export function toStored(resource: ServedResource, object: KubeObject): KubeObject {
	if (isStorageVersion(resource)) return object;
	const { kind } = resource;
	const converted = convertObject(kind, object, kind.storageVersion);
	return kind.aliasOf ? kind.aliasOf.toStored(converted) : converted;
}
