import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import { type Problem, ProblemError } from "../../../lib/problem.ts";
import type { RetaggedPart, StatRules } from "../../../telemetry/metric-registry.ts";
import type { StatsConfig, TagSpecifier } from "../../../xds/generated/envoy/config/metrics/v3/stats_pb.ts";
import type { ListStringMatcher } from "../../../xds/generated/envoy/type/matcher/v3/string_pb.ts";
import { compileTagRegex } from "../../router/match/regex/regex.ts";
import { attempt, compileStringMatcher } from "../../router/match/string-matcher.ts";
import { ProblemList } from "../../router/problem-list.ts";

/** Compiles `stats_config`: which stats are shown, and the tags that are taken out of their names; adds what is wrong to `problems`. */
export function compileStatRules(config: StatsConfig, problems: Problem[]): StatRules {
	const at = fieldPath("stats_config");
	const found = new ProblemList();
	const keep = compileMatcher(config, found);
	const tags = config.statsTags.flatMap((tag, i) => compileTag(tag, at.field("stats_tags").index(i), found) ?? []);
	try {
		found.throwIfAny();
	} catch (error) {
		if (!(error instanceof ProblemError)) throw error;
		problems.push(...error.problems);
	}
	return {
		keep,
		usesDefaultTags: config.useAllDefaultTags ?? true,
		retag: (name) => tags.flatMap((rule) => rule(name) ?? []),
	};
}

type TagRule = (name: string) => RetaggedPart | undefined;

/** The first group is cut out of the name, the second (or the first, when there is one only) is the value. */
function compileTag({ tagName, tagValue }: TagSpecifier, at: FieldPath, problems: ProblemList): TagRule | undefined {
	// Prometheus' names have no dots; those of Envoy's own tags begin with `envoy.`.
	const name = tagName.replaceAll(/[^a-zA-Z0-9_]/g, "_");
	if (tagValue.case === "fixedValue") {
		const fixed = { tag: { name, value: tagValue.value }, removed: "" };
		return () => fixed;
	}
	if (tagValue.case !== "regex") return undefined;
	const find = attempt(() => compileTagRegex(tagValue.value), at.field("regex"), problems);
	return (stat) => {
		const found = find?.(stat);
		return found && { tag: { name, value: found.value }, removed: found.removed };
	};
}

function compileMatcher({ statsMatcher }: StatsConfig, problems: ProblemList): StatRules["keep"] {
	const matcher = statsMatcher?.statsMatcher;
	const at = fieldPath("stats_config").field("stats_matcher");
	const anyOf = (list: ListStringMatcher, field: string) => {
		const tests = list.patterns.map((pattern, i) =>
			compileStringMatcher(pattern, at.field(field).field("patterns").index(i), problems),
		);
		return (name: string) => tests.some((test) => test(name));
	};
	if (matcher?.case === "rejectAll") return () => !matcher.value;
	if (matcher?.case === "inclusionList") return anyOf(matcher.value, "inclusion_list");
	if (matcher?.case !== "exclusionList") return () => true;
	const excluded = anyOf(matcher.value, "exclusion_list");
	return (name) => !excluded(name);
}
