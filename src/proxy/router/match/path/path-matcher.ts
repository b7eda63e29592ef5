import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../../lib/field-path.ts";
import type { TypedExtensionConfig } from "../../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import type { RouteMatch } from "../../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { UriTemplateMatchConfigSchema } from "../../../../xds/generated/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.ts";
import type { ProblemList } from "../../problem-list.ts";
import { literalPrefix } from "../regex/regex-plan.ts";
import { compileRegexMatcher } from "../string-matcher.ts";
import { compileUriTemplate, type UriTemplate } from "./uri-template.ts";

/** A path without query and fragment. */
export interface PathInput {
	readonly path: string;
	/** In lower case; made at first use. */
	readonly lowerPath: string;
}

/**
 * The path condition of a route: how an index finds it, and the test itself. Paths come without query and fragment.
 * `key` is a text that every matching path equals ("exact") or begins with ("prefix"); with `foldCase` in lower case.
 */
export interface PathMatcher {
	readonly index: "exact" | "prefix";
	readonly key: string;
	readonly foldCase: boolean;
	/** Only CONNECT requests match; they may have no path. */
	readonly connectOnly: boolean;
	test(input: PathInput): boolean;
	/** What a prefix rewrite replaces: the part of `path` that the condition covers. */
	covered(path: string): string;
	/** The template, when the condition is one: its variables serve path rewrites. */
	readonly template?: UriTemplate;
}

const whole = (path: string) => path;

/** Compiles the path specifier of a route match (Envoy: RouteMatch). */
export function compilePathMatcher(match: RouteMatch, at: FieldPath, problems: ProblemList): PathMatcher {
	const { pathSpecifier: spec } = match;
	const foldCase = match.caseSensitive === false;
	switch (spec.case) {
		case "path":
			return exactPath(spec.value, foldCase);
		case "prefix":
			return prefixPath(spec.value, foldCase);
		case "pathSeparatedPrefix":
			if (!/^\/[^?#]*[^/?#]$/.test(spec.value))
				problems.add(
					"invalid",
					at.field("path_separated_prefix"),
					`"${spec.value}" must begin with a slash, not end with one and have no ? or #`,
				);
			return separatedPrefixPath(spec.value, foldCase);
		case "safeRegex": {
			const regex = compileRegexMatcher(spec.value, at.field("safe_regex"), problems);
			const key = literalPrefix(spec.value.regex);
			return {
				index: "prefix",
				key,
				foldCase: false,
				connectOnly: false,
				test: ({ path }) => regex.matches(path),
				covered: whole,
			};
		}
		case "connectMatcher":
			return { index: "prefix", key: "", foldCase: false, connectOnly: true, test: () => true, covered: whole };
		case "pathMatchPolicy":
			return templatePath(spec.value, at.field("path_match_policy"), problems);
		default:
			problems.add(
				"missing",
				at,
				"the match has no path specifier",
				"set prefix, path, safe_regex or path_separated_prefix",
			);
	}
	return exactPath("", false);
}

function exactPath(text: string, foldCase: boolean): PathMatcher {
	const key = foldCase ? text.toLowerCase() : text;
	const test: PathMatcher["test"] = foldCase ? ({ lowerPath }) => lowerPath === key : ({ path }) => path === key;
	return { index: "exact", key, foldCase, connectOnly: false, test, covered: whole };
}

function prefixPath(text: string, foldCase: boolean): PathMatcher {
	const key = foldCase ? text.toLowerCase() : text;
	const test: PathMatcher["test"] = foldCase
		? ({ lowerPath }) => lowerPath.startsWith(key)
		: ({ path }) => path.startsWith(key);
	return { index: "prefix", key, foldCase, connectOnly: false, test, covered: (path) => path.slice(0, text.length) };
}

function separatedPrefixPath(text: string, foldCase: boolean): PathMatcher {
	const plain = prefixPath(text, foldCase);
	const size = text.length;
	const atBoundary = (path: string) => path.length === size || path.charCodeAt(size) === 47;
	return { ...plain, test: (input) => atBoundary(input.path) && plain.test(input) };
}

/** The one path match policy that Envoy has: `envoy.path.match.uri_template.uri_template_matcher`. */
function templatePath(policy: TypedExtensionConfig, at: FieldPath, problems: ProblemList): PathMatcher {
	const config = policy.typedConfig && anyUnpack(policy.typedConfig, UriTemplateMatchConfigSchema);
	if (!config) {
		problems.notImplemented(at.field("typed_config"), "a path match policy other than UriTemplateMatchConfig");
		return exactPath("", false);
	}
	const templateAt = at.field("typed_config").field("path_template");
	const template = compileUriTemplate(config.pathTemplate, templateAt, problems);
	return {
		index: "prefix",
		key: "",
		foldCase: false,
		connectOnly: false,
		test: ({ path }) => template.test(path),
		covered: whole,
		template,
	};
}

/** The path without query and fragment. */
export function pathOnly(target: string): string {
	const query = target.indexOf("?");
	const fragment = target.indexOf("#");
	if (query < 0 && fragment < 0) return target;
	return target.slice(0, query < 0 ? fragment : fragment < 0 ? query : Math.min(query, fragment));
}
