import type { JsonSchema } from "../../../kinds/definition.ts";
import { itemSchema, memberSchema, mergeInfo } from "../../../kinds/schema/schema-path.ts";
import { badRequest } from "../http/api-error.ts";
import { orderElements } from "./element-order.ts";
import { isJsonObject, type JsonObject, ownOf, setOwn } from "./merge-patch.ts";

const DIRECTIVE = "$patch";
const RETAIN_KEYS = "$retainKeys";
const DELETE_FROM_LIST = "$deleteFromPrimitiveList/";
const ELEMENT_ORDER = "$setElementOrder/";
const MAX_DEPTH = 200;

/**
 * Kubernetes' strategic merge patch: maps merge, lists merge by the schema's merge key or are replaced; `$patch`, `$retainKeys`,
 * `$deleteFromPrimitiveList/x` and `$setElementOrder/x` are obeyed. The target is not changed. Throws 400 for a malformed patch.
 */
export function applyStrategicMerge(target: JsonObject, patch: unknown, schema: JsonSchema): JsonObject {
	if (!isJsonObject(patch)) throw badRequest("error decoding patch: a strategic merge patch is an object");
	return mergeMap(target, patch, schema, 0);
}

function mergeMap(target: JsonObject, patch: JsonObject, schema: JsonSchema | undefined, depth: number): JsonObject {
	if (depth > MAX_DEPTH) throw badRequest("error decoding patch: nested too deeply");
	const directive = patch[DIRECTIVE];
	if (directive === "delete") return {};
	if (directive === "replace") return mergeMap({}, without(patch, DIRECTIVE), schema, depth + 1);
	if (directive !== undefined && directive !== "merge") {
		throw badRequest(`Unknown patch type: ${String(directive)} in map: ${JSON.stringify(patch)}`);
	}
	const merged = retainKeys(target, patch[RETAIN_KEYS]);
	for (const [name, value] of Object.entries(patch)) {
		if (name === DIRECTIVE || name === RETAIN_KEYS || name.startsWith(ELEMENT_ORDER)) continue;
		if (name.startsWith(DELETE_FROM_LIST)) deleteFromList(merged, name.slice(DELETE_FROM_LIST.length), value);
		else if (value === null) delete merged[name];
		else setOwn(merged, name, mergeMember(ownOf(merged, name), value, schema && memberSchema(schema, name), depth));
	}
	applyElementOrders(merged, target, patch, schema);
	return merged;
}

function mergeMember(target: unknown, patch: unknown, schema: JsonSchema | undefined, depth: number): unknown {
	const strategy = schema ? mergeInfo(schema).patchStrategy : [];
	if (isJsonObject(patch)) {
		const base = isJsonObject(target) && !strategy.includes("replace") ? target : {};
		return mergeMap(base, patch, schema, depth + 1);
	}
	if (Array.isArray(patch) && strategy.includes("merge")) {
		return mergeList(Array.isArray(target) ? target : [], patch, schema!, depth + 1);
	}
	return patch;
}

function mergeList(
	target: readonly unknown[],
	patch: readonly unknown[],
	schema: JsonSchema,
	depth: number,
): unknown[] {
	const { patchMergeKey } = mergeInfo(schema);
	if (patchMergeKey === undefined) return unique([...target, ...patch]);
	if (patch.some((item) => isJsonObject(item) && item[DIRECTIVE] === "replace")) {
		return patch.filter((item) => !(isJsonObject(item) && item[DIRECTIVE] === "replace"));
	}
	let merged = [...target];
	const items = itemSchema(schema);
	for (const item of patch) {
		if (!isJsonObject(item)) throw badRequest("error decoding patch: a list that merges by key holds objects");
		const key = item[patchMergeKey];
		if (key === undefined) {
			const text = `map: ${JSON.stringify(item)} does not contain declared merge key: ${patchMergeKey}`;
			throw badRequest(text);
		}
		const isSame = (other: unknown) => isJsonObject(other) && other[patchMergeKey] === key;
		if (item[DIRECTIVE] === "delete") merged = merged.filter((other) => !isSame(other));
		else mergeItem(merged, isSame, (old) => mergeMap(old, item, items, depth));
	}
	return merged;
}

function mergeItem(
	merged: unknown[],
	isSame: (other: unknown) => boolean,
	merge: (old: JsonObject) => JsonObject,
): void {
	const at = merged.findIndex(isSame);
	if (at < 0) merged.push(merge({}));
	else merged[at] = merge(merged[at] as JsonObject);
}

function retainKeys(target: JsonObject, keys: unknown): JsonObject {
	if (keys === undefined) return { ...target };
	if (!Array.isArray(keys)) throw badRequest("error decoding patch: $retainKeys is a list of names");
	return Object.fromEntries(Object.entries(target).filter(([name]) => keys.includes(name)));
}

function deleteFromList(merged: JsonObject, name: string, values: unknown): void {
	if (!Array.isArray(values)) throw badRequest(`error decoding patch: ${DELETE_FROM_LIST}${name} is a list`);
	const list = ownOf(merged, name);
	if (Array.isArray(list)) merged[name] = list.filter((item) => !values.includes(item));
}

function applyElementOrders(
	merged: JsonObject,
	before: JsonObject,
	patch: JsonObject,
	schema: JsonSchema | undefined,
): void {
	for (const [directive, order] of Object.entries(patch)) {
		if (!directive.startsWith(ELEMENT_ORDER)) continue;
		const name = directive.slice(ELEMENT_ORDER.length);
		const list = ownOf(merged, name);
		if (!Array.isArray(order)) throw badRequest(`error decoding patch: ${directive} is a list`);
		if (!Array.isArray(list)) continue;
		const listSchema = schema && memberSchema(schema, name);
		const mergeKey = listSchema && mergeInfo(listSchema).patchMergeKey;
		const serverOrder = ownOf(before, name);
		merged[name] = orderElements(list, order, Array.isArray(serverOrder) ? serverOrder : [], mergeKey);
	}
}

function without(object: JsonObject, name: string): JsonObject {
	const { [name]: _dropped, ...rest } = object;
	return rest;
}

function unique(items: readonly unknown[]): unknown[] {
	return [...new Set(items)];
}
