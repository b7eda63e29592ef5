import type { FieldPath } from "../../../lib/field-path.ts";
import type { MetadataMatcher } from "../../../xds/generated/envoy/type/matcher/v3/metadata_pb.ts";
import type { DoubleMatcher } from "../../../xds/generated/envoy/type/matcher/v3/number_pb.ts";
import type { ValueMatcher } from "../../../xds/generated/envoy/type/matcher/v3/value_pb.ts";
import type { ProblemList } from "../problem-list.ts";
import { compileStringMatcher } from "./string-matcher.ts";

/** Tests a value of metadata: what JSON can hold, undefined where nothing stands. */
export type MetadataValueTest = (value: unknown) => boolean;

const never: MetadataValueTest = () => false;

/** Compiles `envoy.type.matcher.v3.ValueMatcher`; a value of another type than the matcher's does not match. */
export function compileValueMatcher(matcher: ValueMatcher, at: FieldPath, problems: ProblemList): MetadataValueTest {
	const { matchPattern: pattern } = matcher;
	switch (pattern.case) {
		case "nullMatch":
			return (value) => value === null;
		case "doubleMatch":
			return compileDoubleMatcher(pattern.value, at.field("double_match"), problems);
		case "stringMatch": {
			const test = compileStringMatcher(pattern.value, at.field("string_match"), problems);
			return (value) => typeof value === "string" && test(value);
		}
		case "boolMatch": {
			const wanted = pattern.value;
			return (value) => value === wanted;
		}
		case "presentMatch": {
			const wanted = pattern.value;
			return (value) => wanted && value !== undefined;
		}
		case "listMatch": {
			const oneOf = pattern.value.matchPattern.value;
			if (!oneOf) problems.add("missing", at.field("list_match"), "the list matcher has no one_of");
			const test = oneOf ? compileValueMatcher(oneOf, at.field("list_match").field("one_of"), problems) : never;
			return (value) => Array.isArray(value) && value.some(test);
		}
		case "orMatch": {
			const tests = pattern.value.valueMatchers.map((inner, i) =>
				compileValueMatcher(inner, at.field("or_match").field("value_matchers").index(i), problems),
			);
			if (tests.length < 2)
				problems.add("invalid", at.field("or_match").field("value_matchers"), "or_match needs at least two matchers");
			return (value) => tests.some((test) => test(value));
		}
		default:
			problems.add("missing", at, "the value matcher has no pattern");
			return never;
	}
}

function compileDoubleMatcher(matcher: DoubleMatcher, at: FieldPath, problems: ProblemList): MetadataValueTest {
	const { matchPattern: pattern } = matcher;
	if (pattern.case === "range") {
		const { start, end } = pattern.value;
		return (value) => typeof value === "number" && start <= value && value < end;
	}
	if (pattern.case === undefined) problems.add("missing", at, "the number matcher has neither range nor exact");
	const wanted = pattern.value;
	return (value) => typeof value === "number" && value === wanted;
}

/** Metadata by namespace (Envoy: filter name). */
export type MetadataLookup = (namespace: string) => unknown;

/** Compiles `envoy.type.matcher.v3.MetadataMatcher`; the result is asked with what finds a namespace. */
export function compileMetadataMatcher(
	matcher: MetadataMatcher,
	at: FieldPath,
	problems: ProblemList,
): (metadata: MetadataLookup) => boolean {
	const { filter, invert } = matcher;
	if (filter === "") problems.add("missing", at.field("filter"), "the metadata matcher names no namespace");
	if (matcher.path.length === 0) problems.add("missing", at.field("path"), "the metadata matcher has no path");
	const path = matcher.path.map(({ segment }, i) => {
		if (!segment.value) problems.add("missing", at.field("path").index(i).field("key"), "the path segment has no key");
		return segment.value ?? "";
	});
	if (!matcher.value) {
		problems.add("missing", at.field("value"), "the metadata matcher has no value");
		return () => false;
	}
	const test = compileValueMatcher(matcher.value, at.field("value"), problems);
	return (metadata) => test(valueAtPath(metadata(filter), path)) !== invert;
}

/** Walks into nested objects; undefined where a key is missing. */
export function valueAtPath(root: unknown, path: readonly string[]): unknown {
	let value = root;
	for (const key of path) {
		if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
		value = (value as Record<string, unknown>)[key];
	}
	return value;
}
