import type { FieldPath } from "../../../lib/field-path.ts";
import type { RegexMatcher } from "../../../xds/generated/envoy/type/matcher/v3/regex_pb.ts";
import type { StringMatcher } from "../../../xds/generated/envoy/type/matcher/v3/string_pb.ts";
import type { ProblemList } from "../problem-list.ts";
import { compileRegex, type Regex, RegexSyntaxError } from "./regex/regex.ts";

export type ValueTest = (value: string) => boolean;

const never: ValueTest = () => false;

/** Compiles `envoy.type.matcher.v3.StringMatcher`. What is wrong goes to `problems`. */
export function compileStringMatcher(matcher: StringMatcher, at: FieldPath, problems: ProblemList): ValueTest {
	const { matchPattern: pattern, ignoreCase } = matcher;
	switch (pattern.case) {
		case "exact":
		case "prefix":
		case "suffix":
		case "contains":
			return compileTextTest(pattern.case, pattern.value, ignoreCase);
		case "safeRegex": {
			if (ignoreCase)
				problems.add(
					"invalid",
					at.field("ignore_case"),
					"ignore_case has no meaning for safe_regex",
					"write (?i) into it",
				);
			const regex = compileRegexMatcher(pattern.value, at.field("safe_regex"), problems);
			return (value) => regex.matches(value);
		}
		case "custom":
			problems.notImplemented(at.field("custom"), "a custom string matcher");
			return never;
		default:
			problems.add(
				"missing",
				at,
				"the string matcher has no pattern",
				"set exact, prefix, suffix, contains or safe_regex",
			);
			return never;
	}
}

/** A plain text comparison; with `ignoreCase` both sides are lower-cased. */
export function compileTextTest(
	kind: "exact" | "prefix" | "suffix" | "contains",
	text: string,
	ignoreCase: boolean,
): ValueTest {
	const wanted = ignoreCase ? text.toLowerCase() : text;
	const test = TEXT_TESTS[kind](wanted);
	return ignoreCase ? (value) => test(value.toLowerCase()) : test;
}

const TEXT_TESTS: Readonly<Record<"exact" | "prefix" | "suffix" | "contains", (text: string) => ValueTest>> = {
	exact: (text) => (value) => value === text,
	prefix: (text) => (value) => value.startsWith(text),
	suffix: (text) => (value) => value.endsWith(text),
	contains: (text) => (value) => value.includes(text),
};

const MATCHES_NOTHING: Regex = { pattern: "", matches: () => false };

/** Compiles `RegexMatcher`; on a syntax error it adds a problem and returns an expression that matches nothing. */
export function compileRegexMatcher(matcher: RegexMatcher, at: FieldPath, problems: ProblemList): Regex {
	if (matcher.regex === "") {
		problems.add("missing", at.field("regex"), "the regular expression is empty");
		return MATCHES_NOTHING;
	}
	return attempt(() => compileRegex(matcher.regex), at.field("regex"), problems) ?? MATCHES_NOTHING;
}

/** Runs a compile step; a RegexSyntaxError becomes a problem. */
export function attempt<T>(step: () => T, at: FieldPath, problems: ProblemList): T | undefined {
	try {
		return step();
	} catch (error) {
		if (!(error instanceof RegexSyntaxError)) throw error;
		problems.add("regex", at, error.message, "use RE2 syntax");
		return undefined;
	}
}
