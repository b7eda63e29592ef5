import { RE2JS } from "re2js";
import type { ObjectReader } from "./object-reader.ts";

/** One of exact, prefix, regex (RE2, whole value), or mere presence (`{}` and `regex: "*"`). */
export type StringMatch =
	| { readonly kind: "exact" | "prefix" | "regex"; readonly value: string }
	| { readonly kind: "present" };

const MAX_REGEX_LENGTH = 1024;

export function readStringMatch(r: ObjectReader): StringMatch {
	const kinds = (["exact", "prefix", "regex"] as const).filter((kind) => r.has(kind));
	const values = { exact: r.string("exact"), prefix: r.string("prefix"), regex: r.string("regex") };
	if (kinds.length > 1) r.malformed("", "must have only one of exact, prefix, regex");
	const kind = kinds[0];
	if (!kind || values[kind] === undefined) return { kind: "present" };
	const value = values[kind];
	if (kind !== "regex") return { kind, value };
	if (value === "*") return { kind: "present" };
	const error = regexError(value);
	if (error) r.malformed("regex", error);
	return { kind, value };
}

/** Why a text is not a regular expression that a proxy accepts (RE2); undefined when it is one. */
export function regexError(text: string): string | undefined {
	if (text === "") return "must not be empty";
	if (text.length > MAX_REGEX_LENGTH) return `is longer than ${MAX_REGEX_LENGTH} characters`;
	try {
		RE2JS.compile(text);
		return undefined;
	} catch (error) {
		return `is not a regular expression: ${error instanceof Error ? error.message : String(error)}`;
	}
}
