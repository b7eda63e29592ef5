/** A JSON object as patches see it. */
export type JsonObject = Record<string, unknown>;

export function isJsonObject(value: unknown): value is JsonObject {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** RFC 7386: the target with the patch merged in; neither argument is changed. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
	if (!isJsonObject(patch)) return patch;
	const merged: JsonObject = isJsonObject(target) ? { ...target } : {};
	for (const [name, value] of Object.entries(patch)) {
		if (value === null) delete merged[name];
		else setOwn(merged, name, applyMergePatch(ownOf(merged, name), value));
	}
	return merged;
}

/** Reads an own member; names such as `__proto__` come from users and are data. */
export function ownOf(object: JsonObject, name: string): unknown {
	return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Writes an own member, even one named `__proto__`. */
export function setOwn(object: JsonObject, name: string, value: unknown): void {
	if (name === "__proto__") {
		Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
	} else {
		object[name] = value;
	}
}
