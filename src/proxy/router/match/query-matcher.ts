import type { FieldPath } from "../../../lib/field-path.ts";
import type { QueryParameterMatcher } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { ProblemList } from "../problem-list.ts";
import { compileStringMatcher } from "./string-matcher.ts";

/** Parameters of a query by name, first occurrence only; nothing is percent-decoded, as in Envoy's router. */
export type QueryParameters = ReadonlyMap<string, string>;

const NONE: QueryParameters = new Map();

export function parseQuery(path: string): QueryParameters {
	const start = path.indexOf("?");
	if (start < 0) return NONE;
	const end = path.indexOf("#", start);
	const parameters = new Map<string, string>();
	for (const pair of path.slice(start + 1, end < 0 ? undefined : end).split("&")) {
		const equals = pair.indexOf("=");
		const name = equals < 0 ? pair : pair.slice(0, equals);
		if (!parameters.has(name)) parameters.set(name, equals < 0 ? "" : pair.slice(equals + 1));
	}
	return parameters;
}

export type QueryTest = (query: QueryParameters) => boolean;

/** Compiles `envoy.config.route.v3.QueryParameterMatcher`; without a specifier the parameter must be there. */
export function compileQueryMatcher(matcher: QueryParameterMatcher, at: FieldPath, problems: ProblemList): QueryTest {
	const { name, queryParameterMatchSpecifier: spec } = matcher;
	if (name === "") problems.add("missing", at.field("name"), "the query parameter matcher has no name");
	switch (spec.case) {
		case "presentMatch": {
			const wanted = spec.value;
			return (query) => query.has(name) === wanted;
		}
		case "stringMatch": {
			const test = compileStringMatcher(spec.value, at.field("string_match"), problems);
			return (query) => {
				const value = query.get(name);
				return value !== undefined && test(value);
			};
		}
		default:
			return (query) => query.has(name);
	}
}
