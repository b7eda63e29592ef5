import { create } from "@bufbuild/protobuf";
import { type RouteMatch, RouteMatchSchema } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { StringMatch } from "../../model/string-match.ts";
import type { HttpMatch } from "../../model/virtual-service.ts";
import { headerAbsence, headerMatcher, queryMatcher } from "./string-matcher.ts";

/** The run-time conditions of a match block; undefined is the rule without a match: every request. */
export function routeMatch(match: HttpMatch | undefined): RouteMatch {
	if (!match) return create(RouteMatchSchema, { pathSpecifier: { case: "prefix", value: "/" } });
	const pseudo = { ":scheme": match.scheme, ":method": match.method, ":authority": match.authority };
	return create(RouteMatchSchema, {
		pathSpecifier: pathSpecifier(match.uri),
		caseSensitive: match.ignoreUriCase && match.uri?.kind !== "regex" ? false : undefined,
		headers: [
			...Object.entries(pseudo).flatMap(([name, m]) => (m ? [headerMatcher(name, m)] : [])),
			...sortByName(match.headers).map(([name, m]) => headerMatcher(name, m)),
			...sortByName(match.withoutHeaders).map(([name, m]) => headerAbsence(name, m)),
		],
		queryParameters: sortByName(match.queryParams).map(([name, m]) => queryMatcher(name, m)),
	});
}

function pathSpecifier(uri: StringMatch | undefined): RouteMatch["pathSpecifier"] {
	switch (uri?.kind) {
		case "exact":
			return { case: "path", value: uri.value };
		case "prefix":
			return { case: "prefix", value: uri.value };
		case "regex":
			return create(RouteMatchSchema, { pathSpecifier: { case: "safeRegex", value: { regex: uri.value } } })
				.pathSpecifier;
		default:
			return { case: "prefix", value: "/" };
	}
}

/** True when a route takes every request: nothing after it can be reached. */
export function isCatchAll(match: RouteMatch): boolean {
	const { pathSpecifier: path } = match;
	const anyPath =
		(path.case === "prefix" && (path.value === "/" || path.value === "")) ||
		(path.case === "safeRegex" && path.value.regex === ".*");
	return anyPath && match.headers.length === 0 && match.queryParameters.length === 0;
}

function sortByName<T>(entries: readonly (readonly [string, T])[]): readonly (readonly [string, T])[] {
	return [...entries].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
}
