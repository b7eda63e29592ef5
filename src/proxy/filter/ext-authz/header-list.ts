import type { FieldPath } from "../../../lib/field-path.ts";
import type { ListStringMatcher } from "../../../xds/generated/envoy/type/matcher/v3/string_pb.ts";
import { compileStringMatcher } from "../../router/match/string-matcher.ts";
import type { ProblemList } from "../../router/problem-list.ts";

/** Compiles a list of patterns for header names, which are in lower case; undefined when there are none. */
export function compileHeaderList(
	list: ListStringMatcher | undefined,
	at: FieldPath,
	problems: ProblemList,
): ((name: string) => boolean) | undefined {
	if (!list || list.patterns.length === 0) return undefined;
	const tests = list.patterns.map((pattern, i) =>
		compileStringMatcher(pattern, at.field("patterns").index(i), problems),
	);
	return (name) => tests.some((test) => test(name));
}
