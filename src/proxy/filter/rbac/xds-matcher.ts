import type { Any } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import type {
	Matcher,
	Matcher_MatcherTree as MatcherTree,
	Matcher_OnMatch as OnMatch,
	Matcher_MatcherList_Predicate as Predicate,
	Matcher_MatcherList_Predicate_SinglePredicate as SinglePredicate,
} from "../../../xds/generated/xds/type/matcher/v3/matcher_pb.ts";
import type { StringMatcher } from "../../../xds/generated/xds/type/matcher/v3/string_pb.ts";
import { compileRegex } from "../../router/match/regex/regex.ts";
import { attempt, compileTextTest, type ValueTest } from "../../router/match/string-matcher.ts";
import { compileInputMatcher, compileMatchInput, type MatchInput } from "./match-input.ts";
import { allOf, anyOf, type RbacSubject, type RbacTest } from "./rbac-subject.ts";
import type { RuleScope } from "./shared-rules.ts";

/** Compiling a tree whose leaves are `T`. */
export interface MatcherScope<T> extends RuleScope {
	/** The leaf of an action; undefined with a problem when it is of a kind that does not belong here. */
	compileAction(action: Any | undefined, at: FieldPath): T | undefined;
}

/** Finds the leaf of a subject; undefined when nothing matches. */
export type Find<T> = (subject: RbacSubject) => T | undefined;

/** Compiles `xds.type.matcher.v3.Matcher`: a list of predicates or a map by one input, with nested matchers. */
export function compileXdsMatcher<T>(matcher: Matcher, at: FieldPath, scope: MatcherScope<T>): Find<T> {
	const { matcherType: type, onNoMatch } = matcher;
	const otherwise = onNoMatch && compileOnMatch(onNoMatch, at.field("on_no_match"), scope);
	const find = compileBody(type, at, scope);
	return (subject) => find(subject) ?? otherwise?.(subject);
}

function compileBody<T>(type: Matcher["matcherType"], at: FieldPath, scope: MatcherScope<T>): Find<T> {
	if (type.case === "matcherTree") return compileTree(type.value, at.field("matcher_tree"), scope);
	if (type.case === undefined) return () => undefined;
	const listAt = at.field("matcher_list").field("matchers");
	const entries = type.value.matchers.map(({ predicate, onMatch }, i) => ({
		test: compilePredicate(predicate, listAt.index(i).field("predicate"), scope),
		find: compileOnMatch(onMatch, listAt.index(i).field("on_match"), scope),
	}));
	if (entries.length === 0) scope.problems.add("missing", listAt, "the list has no matchers");
	return (subject) => {
		for (const { test, find } of entries) {
			const found = test(subject) ? find(subject) : undefined;
			// A nested matcher that finds nothing leaves the rest of the list its chance.
			if (found !== undefined) return found;
		}
		return undefined;
	};
}

function compileOnMatch<T>(onMatch: OnMatch | undefined, at: FieldPath, scope: MatcherScope<T>): Find<T> {
	const target = onMatch?.onMatch;
	if (target?.case === "matcher") return compileXdsMatcher(target.value, at.field("matcher"), scope);
	if (target?.case === "action") {
		const leaf = scope.compileAction(target.value.typedConfig, at.field("action").field("typed_config"));
		return () => leaf;
	}
	scope.problems.add("missing", at, "there is neither a matcher nor an action");
	return () => undefined;
}

function compilePredicate(predicate: Predicate | undefined, at: FieldPath, scope: RuleScope): RbacTest {
	const type = predicate?.matchType;
	switch (type?.case) {
		case "singlePredicate":
			return compileSingle(type.value, at.field("single_predicate"), scope);
		case "andMatcher":
			return allOf(compilePredicates(type.value.predicate, at.field("and_matcher"), scope));
		case "orMatcher":
			return anyOf(compilePredicates(type.value.predicate, at.field("or_matcher"), scope));
		case "notMatcher": {
			const test = compilePredicate(type.value, at.field("not_matcher"), scope);
			return (subject) => !test(subject);
		}
		default:
			scope.problems.add("missing", at, "the predicate is empty");
			return () => false;
	}
}

function compilePredicates(list: readonly Predicate[], at: FieldPath, scope: RuleScope): RbacTest[] {
	if (list.length < 2) scope.problems.add("invalid", at.field("predicate"), "the list needs at least two predicates");
	return list.map((predicate, i) => compilePredicate(predicate, at.field("predicate").index(i), scope));
}

function compileSingle(single: SinglePredicate, at: FieldPath, scope: RuleScope): RbacTest {
	const input = compileMatchInput(single.input?.typedConfig, at.field("input"), scope);
	const test = compileSingleMatcher(single.matcher, at, scope);
	return (subject) => {
		const value = input(subject);
		return value !== undefined && test(value);
	};
}

function compileSingleMatcher(matcher: SinglePredicate["matcher"], at: FieldPath, scope: RuleScope): ValueTest {
	if (matcher.case === "valueMatch") return compileXdsString(matcher.value, at.field("value_match"), scope);
	if (matcher.case === "customMatch")
		return compileInputMatcher(matcher.value.typedConfig, at.field("custom_match"), scope);
	scope.problems.add("missing", at, "the predicate has neither value_match nor custom_match");
	return () => false;
}

function compileXdsString(
	{ matchPattern: pattern, ignoreCase }: StringMatcher,
	at: FieldPath,
	scope: RuleScope,
): ValueTest {
	const { problems } = scope;
	switch (pattern.case) {
		case "exact":
		case "prefix":
		case "suffix":
		case "contains":
			return compileTextTest(pattern.case, pattern.value, ignoreCase);
		case "safeRegex": {
			const regex = attempt(() => compileRegex(pattern.value.regex), at.field("safe_regex"), problems);
			return (value) => regex?.matches(value) ?? false;
		}
		case "custom":
			problems.notImplemented(at.field("custom"), "a custom string matcher");
			return () => false;
		default:
			problems.add("missing", at, "the string matcher has no pattern");
			return () => false;
	}
}

function compileTree<T>(tree: MatcherTree, at: FieldPath, scope: MatcherScope<T>): Find<T> {
	const input = compileMatchInput(tree.input?.typedConfig, at.field("input"), scope);
	const { treeType: type } = tree;
	if (type.case === "exactMatchMap") {
		const map = compileMap(type.value.map, at.field("exact_match_map").field("map"), scope);
		return (subject) => {
			const value = input(subject);
			return value === undefined ? undefined : map.get(value)?.(subject);
		};
	}
	if (type.case === "prefixMatchMap") {
		const map = compileMap(type.value.map, at.field("prefix_match_map").field("map"), scope);
		const longestFirst = [...map].sort(([a], [b]) => b.length - a.length);
		return (subject) => findByPrefix(longestFirst, input, subject);
	}
	scope.problems.notImplemented(at.field("custom_match"), "this kind of matcher tree");
	return () => undefined;
}

function compileMap<T>(
	entries: Readonly<Record<string, OnMatch>>,
	at: FieldPath,
	scope: MatcherScope<T>,
): Map<string, Find<T>> {
	const map = new Map<string, Find<T>>();
	for (const [key, onMatch] of Object.entries(entries)) map.set(key, compileOnMatch(onMatch, at.key(key), scope));
	return map;
}

/** The longest prefix that leads to a leaf. */
function findByPrefix<T>(
	longestFirst: readonly (readonly [string, Find<T>])[],
	input: MatchInput,
	subject: RbacSubject,
): T | undefined {
	const value = input(subject);
	if (value === undefined) return undefined;
	for (const [prefix, find] of longestFirst) {
		const found = value.startsWith(prefix) ? find(subject) : undefined;
		if (found !== undefined) return found;
	}
	return undefined;
}
