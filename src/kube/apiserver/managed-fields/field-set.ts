import type { JsonSchema } from "../../../kinds/definition.ts";
import { resolveSchema } from "../../../kinds/schema/built-in-schemas.ts";
import { itemSchema, memberSchema, mergeInfo } from "../../../kinds/schema/schema-path.ts";
import { isJsonObject, type JsonObject } from "../patch/merge-patch.ts";

/**
 * A set of field paths in the form of `fieldsV1`: `f:name` a member, `k:{...}` an item of a list with keys, `v:...` an item of a
 * set, `.` the node itself. An empty node is a leaf.
 */
export interface FieldSet {
	[key: string]: FieldSet;
}

const SELF = ".";

/** Every field of a value, as its manager owns them after writing all of it. */
export function fieldsOf(value: unknown, schema: JsonSchema | undefined): FieldSet {
	return differences(undefined, value, schema);
}

/** Fields that `after` adds to `before` or changes. Lists without keys and atomic maps count as one value. */
export function differences(before: unknown, after: unknown, schema: JsonSchema | undefined): FieldSet {
	if (isJsonObject(after) && isGranular(schema)) return mapDifferences(before, after, schema);
	if (Array.isArray(after) && schema) return listDifferences(before, after, schema);
	return {};
}

function mapDifferences(before: unknown, after: JsonObject, schema: JsonSchema | undefined): FieldSet {
	const set: FieldSet = {};
	const old = isJsonObject(before) ? before : undefined;
	for (const [name, value] of Object.entries(after)) {
		const inner = schema && memberSchema(schema, name);
		const isThere = old?.[name] != null || isAlwaysThere(schema, name, inner);
		const member = memberDifference({ value: old?.[name], isThere }, value, inner);
		if (member) set[`f:${name}`] = member;
	}
	return set;
}

/** Undefined when nothing differs; `{}` when the value as a whole does. */
function memberDifference(
	before: { readonly value: unknown; readonly isThere: boolean },
	after: unknown,
	schema: JsonSchema | undefined,
): FieldSet | undefined {
	if (!hasParts(after, schema)) return isEqual(before.value, after) ? undefined : {};
	const parts = differences(before.value, after, schema);
	const owned = before.isThere ? parts : { [SELF]: {}, ...parts };
	return Object.keys(owned).length === 0 ? undefined : owned;
}

function listDifferences(before: unknown, after: readonly unknown[], schema: JsonSchema): FieldSet {
	const { listType, listMapKeys } = mergeInfo(schema);
	const items = itemSchema(schema);
	const old = Array.isArray(before) ? before : [];
	const oldByKey = new Map(old.map((item) => [itemKey(item, listType, listMapKeys, items), item]));
	const set: FieldSet = {};
	for (const item of after) {
		const key = itemKey(item, listType, listMapKeys, items);
		if (!oldByKey.has(key)) set[key] = listType === "set" ? {} : { [SELF]: {}, ...differences(undefined, item, items) };
		else if (listType === "map") {
			const parts = differences(oldByKey.get(key), item, items);
			if (Object.keys(parts).length > 0) set[key] = parts;
		}
	}
	return set;
}

function itemKey(item: unknown, listType: string, keys: readonly string[], items: JsonSchema | undefined): string {
	if (listType === "set" || !isJsonObject(item)) return `v:${JSON.stringify(item)}`;
	const picked: JsonObject = {};
	for (const key of [...keys].sort()) {
		const value = item[key] ?? (items && memberSchema(items, key)?.default);
		if (value !== undefined) picked[key] = value;
	}
	return `k:${JSON.stringify(picked)}`;
}

/** True when the members or items of a value are owned one by one. */
function hasParts(value: unknown, schema: JsonSchema | undefined): boolean {
	if (isJsonObject(value)) return isGranular(schema) && Object.keys(value).length > 0;
	if (!Array.isArray(value) || !schema || value.length === 0) return false;
	return mergeInfo(schema).listType !== "atomic";
}

function isGranular(schema: JsonSchema | undefined): boolean {
	return !schema || mergeInfo(schema).mapType === "granular";
}

/**
 * True for what Go writes even in an empty object, so that nobody added it: structs that are no pointers (their schema has the default {}) and lists
 * of built-in kinds (only those have merge keys) that are required.
 */
function isAlwaysThere(parent: JsonSchema | undefined, name: string, schema: JsonSchema | undefined): boolean {
	if (!parent || !schema) return false;
	if (isJsonObject(schema.default)) return Object.keys(schema.default).length === 0;
	return mergeInfo(schema).patchMergeKey !== undefined && resolveSchema(parent).required?.includes(name) === true;
}

/** Equality of JSON values, whatever the order of members. */
export function isEqual(a: unknown, b: unknown): boolean {
	if (a === b) return true;
	if (Array.isArray(a) && Array.isArray(b)) {
		return a.length === b.length && a.every((item, at) => isEqual(item, b[at]));
	}
	if (!isJsonObject(a) || !isJsonObject(b)) return false;
	const names = Object.keys(a).filter((name) => a[name] !== undefined);
	if (names.length !== Object.keys(b).filter((name) => b[name] !== undefined).length) return false;
	return names.every((name) => Object.hasOwn(b, name) && isEqual(a[name], b[name]));
}

/** Both sets together. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
	const joined: FieldSet = { ...a };
	for (const [key, fields] of Object.entries(b)) joined[key] = joined[key] ? union(joined[key], fields) : fields;
	return joined;
}

/** Paths of `a` that are no leaf of `b`. */
export function subtract(a: FieldSet, b: FieldSet): FieldSet {
	const left: FieldSet = {};
	for (const [key, fields] of Object.entries(a)) {
		const taken = b[key];
		if (!taken) left[key] = fields;
		else if (!isLeaf(taken) && !isLeaf(fields)) {
			const rest = subtract(fields, taken);
			if (!isLeaf(rest)) left[key] = rest;
		} else if (!isLeaf(taken) && isLeaf(fields)) left[key] = fields;
	}
	return left;
}

function isLeaf(set: FieldSet): boolean {
	return Object.keys(set).length === 0;
}

/** Paths of a set that exist in a value: what was removed from the object is owned by nobody. */
export function intersectWith(set: FieldSet, existing: FieldSet): FieldSet {
	const kept: FieldSet = {};
	for (const [key, fields] of Object.entries(set)) {
		const there = existing[key];
		if (!there) continue;
		if (isLeaf(fields) || isLeaf(there)) kept[key] = fields;
		else {
			const rest = intersectWith(fields, there);
			if (!isLeaf(rest)) kept[key] = rest;
		}
	}
	return kept;
}

/** True when the set holds no path. */
export function isEmptySet(set: FieldSet): boolean {
	return isLeaf(set);
}
