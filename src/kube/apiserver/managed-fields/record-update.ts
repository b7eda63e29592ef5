import type { JsonSchema } from "../../../kinds/definition.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import { isJsonObject, type JsonObject } from "../patch/merge-patch.ts";
import {
	differences,
	type FieldSet,
	fieldsOf,
	intersectWith,
	isEmptySet,
	isEqual,
	subtract,
	union,
} from "./field-set.ts";

/** One entry of `metadata.managedFields`. */
export interface ManagedFieldsEntry {
	readonly manager: string;
	readonly operation: "Update" | "Apply";
	readonly apiVersion: string;
	readonly time?: string;
	readonly fieldsType: "FieldsV1";
	readonly fieldsV1: FieldSet;
	readonly subresource?: string;
}

/** Who writes, and when. */
export interface FieldManager {
	readonly manager: string;
	readonly apiVersion: string;
	/** "" for the object itself. */
	readonly subresource: string;
	/** False when a write through `subresource` leaves status alone: then nobody comes to own it. */
	readonly writesStatus: boolean;
	/** RFC 3339, whole seconds. */
	readonly time: string;
}

/** Never owned by anybody: the server's own, and what names the object. */
const UNOWNED_META = [
	"name",
	"namespace",
	"uid",
	"resourceVersion",
	"creationTimestamp",
	"generation",
	"managedFields",
	"generateName",
	"deletionTimestamp",
	"deletionGracePeriodSeconds",
	"selfLink",
];
const MAX_UPDATE_MANAGERS = 10;

/**
 * The object's `managedFields` after a write by an Update manager: it owns what it added or changed, others lose that, and
 * fields that are gone are owned by nobody. `live` is undefined for a new object.
 */
export function recordUpdate(
	live: KubeObject | undefined,
	next: KubeObject,
	schema: JsonSchema,
	by: FieldManager,
): ManagedFieldsEntry[] {
	const before = live && ownable(live);
	const after = ownable(next);
	const entries = (next.metadata.managedFields ?? []) as ManagedFieldsEntry[];
	if (before && isEqual(before, after)) return [...entries];
	const changed = withoutStatus(differences(before ?? {}, after, schema), by);
	const existing = fieldsOf(after, schema);
	const kept = entries
		.map((entry) => narrow(entry, changed, existing, by))
		.filter((entry) => !isEmptySet(entry.fieldsV1));
	if (isEmptySet(changed)) return kept;
	return limitManagers(merge(kept, changed, by));
}

function withoutStatus(changed: FieldSet, by: FieldManager): FieldSet {
	if (by.writesStatus) return changed;
	const { "f:status": _status, ...rest } = changed;
	return rest;
}

/** True for a list that may stand in `metadata.managedFields`: clients may write it, and what they write must be usable. */
export function isManagedFields(value: unknown): value is ManagedFieldsEntry[] {
	return Array.isArray(value) && value.every(isEntry);
}

function isEntry(value: unknown): boolean {
	if (!isJsonObject(value)) return false;
	const isKnown = value.operation === "Update" || value.operation === "Apply";
	return isKnown && typeof value.manager === "string" && value.fieldsType === "FieldsV1" && isFieldSet(value.fieldsV1);
}

function isFieldSet(value: unknown): boolean {
	return isJsonObject(value) && Object.values(value).every(isFieldSet);
}

function narrow(
	entry: ManagedFieldsEntry,
	changed: FieldSet,
	existing: FieldSet,
	by: FieldManager,
): ManagedFieldsEntry {
	const left = isSame(entry, by) ? entry.fieldsV1 : subtract(entry.fieldsV1, changed);
	return { ...entry, fieldsV1: intersectWith(left, existing) };
}

function merge(entries: readonly ManagedFieldsEntry[], changed: FieldSet, by: FieldManager): ManagedFieldsEntry[] {
	const own = entries.find((entry) => isSame(entry, by));
	const entry: ManagedFieldsEntry = {
		manager: by.manager,
		operation: "Update",
		apiVersion: by.apiVersion,
		time: by.time,
		fieldsType: "FieldsV1",
		fieldsV1: sortSet(own ? union(own.fieldsV1, changed) : changed),
		...(by.subresource === "" ? {} : { subresource: by.subresource }),
	};
	return [...entries.filter((other) => other !== own), entry];
}

function isSame(entry: ManagedFieldsEntry, by: FieldManager): boolean {
	return (
		entry.operation === "Update" &&
		entry.manager === by.manager &&
		entry.apiVersion === by.apiVersion &&
		(entry.subresource ?? "") === by.subresource
	);
}

/** Beyond ten Update managers the oldest become one, named as Kubernetes does. */
function limitManagers(entries: ManagedFieldsEntry[]): ManagedFieldsEntry[] {
	const updates = entries.filter((entry) => entry.operation === "Update");
	if (updates.length <= MAX_UPDATE_MANAGERS) return entries;
	const [oldest, second] = updates;
	const joined: ManagedFieldsEntry = {
		...second!,
		manager: "ancient-changes",
		fieldsV1: union(oldest!.fieldsV1, second!.fieldsV1),
	};
	return limitManagers(entries.flatMap((entry) => (entry === oldest ? [] : entry === second ? [joined] : [entry])));
}

function ownable(object: KubeObject): JsonObject {
	const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = object;
	const owned = Object.entries(metadata).filter(([name]) => !UNOWNED_META.includes(name));
	return { metadata: Object.fromEntries(owned), ...rest };
}

function sortSet(set: FieldSet): FieldSet {
	const sorted: FieldSet = {};
	for (const key of Object.keys(set).sort()) sorted[key] = sortSet(set[key]!);
	return sorted;
}
