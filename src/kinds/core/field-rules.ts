import type { FieldPath } from "../../lib/field-path.ts";
import type { FieldError } from "../definition.ts";
import { duplicate, invalid, notSupported, required } from "../field-error.ts";
import type { TextRule } from "../name-rules.ts";

/** Small checks that the built-in kinds share; each returns what it found. */

/** A required text that must follow a rule. */
export function checkName(value: unknown, rule: TextRule, path: FieldPath): FieldError[] {
	if (typeof value !== "string" || value === "") return [required(path)];
	return rule(value).map((detail) => invalid(path, value, detail));
}

/** One of fixed words; absent values are the default's business. */
export function checkEnum(value: unknown, supported: readonly string[], path: FieldPath): FieldError[] {
	if (value === undefined || value === null) return [];
	return supported.includes(value as string) ? [] : [notSupported(path, value, supported)];
}

export function checkPortNumber(value: unknown, path: FieldPath): FieldError[] {
	const isPort = Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65535;
	return isPort ? [] : [invalid(path, value, "must be between 1 and 65535, inclusive")];
}

/** Port number, or a port's name. */
export function checkPort(value: unknown, nameRule: TextRule, path: FieldPath): FieldError[] {
	if (typeof value === "string") return nameRule(value).map((detail) => invalid(path, value, detail));
	return checkPortNumber(value, path);
}

export function checkNonNegative(value: unknown, path: FieldPath): FieldError[] {
	if (value === undefined || value === null || (value as number) >= 0) return [];
	return [invalid(path, value, "must be greater than or equal to 0")];
}

/** The second and later of equal values, each at its own path. */
export function checkUnique(values: readonly (readonly [value: unknown, path: FieldPath])[]): FieldError[] {
	const seen = new Set<unknown>();
	return values.flatMap(([value, path]) => {
		if (value === undefined || value === "") return [];
		if (seen.has(value)) return [duplicate(path, value)];
		seen.add(value);
		return [];
	});
}

/** A value that may not change. */
export function checkImmutable(value: unknown, old: unknown, path: FieldPath): FieldError[] {
	return equalJson(value, old) ? [] : [invalid(path, value, "field is immutable")];
}

/** Equality of JSON values, whatever the order of their members; absent, null and empty containers are the same. */
export function equalJson(a: unknown, b: unknown): boolean {
	return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
	return JSON.stringify(value ?? null, (_key, member: unknown) => {
		if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
		const entries = Object.entries(member).filter(([, inner]) => inner !== undefined && inner !== null);
		return Object.fromEntries(entries.sort(([x], [y]) => (x < y ? -1 : 1)));
	});
}
