import type { FieldPath } from "../../../lib/field-path.ts";
import type { ListStringMatcher } from "../../../xds/generated/envoy/type/matcher/v3/string_pb.ts";
import { compileStringMatcher } from "../../router/match/string-matcher.ts";
import type { ProblemList } from "../../router/problem-list.ts";

/** Compiles a list of patterns for header names; undefined when there are none. */
export function compileHeaderList(
	list: ListStringMatcher | undefined,
	at: FieldPath,
	problems: ProblemList,
): ((name: string) => boolean) | undefined {
	if (!list || list.patterns.length === 0) return undefined;
	const tests = list.patterns.map((pattern, i) =>
		// Names are in lower case here, patterns as somebody wrote them.
		compileStringMatcher(
			{ ...pattern, ignoreCase: pattern.matchPattern.case !== "safeRegex" },
			at.field("patterns").index(i),
			problems,
		),
	);
	return (name) => tests.some((test) => test(name));
}
