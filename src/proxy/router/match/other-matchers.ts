import type { FieldPath } from "../../../lib/field-path.ts";
import type {
	CookieMatcher,
	RouteMatch,
	RouteMatch_TlsContextMatchOptions,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { FilterStateMatcher } from "../../../xds/generated/envoy/type/matcher/v3/filter_state_pb.ts";
import { isGrpc } from "../../http/grpc-status.ts";
import type { ProblemList } from "../problem-list.ts";
import type { MatchInput } from "./match-input.ts";
import { compileQueryMatcher } from "./query-matcher.ts";
import { compileStringMatcher } from "./string-matcher.ts";
import { compileMetadataMatcher } from "./value-matcher.ts";

/** A condition on anything of a request but its path, headers and share. */
export type InputTest = (input: MatchInput) => boolean;

/** The conditions of a `RouteMatch` besides path, headers and runtime fraction, in Envoy's order. */
export function compileOtherMatchers(match: RouteMatch, at: FieldPath, problems: ProblemList): readonly InputTest[] {
	const tests: InputTest[] = match.queryParameters.map((matcher, i) => {
		const test = compileQueryMatcher(matcher, at.field("query_parameters").index(i), problems);
		return (input) => test(input.query);
	});
	match.cookies.forEach((matcher, i) => {
		tests.push(compileCookieMatcher(matcher, at.field("cookies").index(i), problems));
	});
	if (match.grpc) tests.push(({ request }) => isGrpc(request.headers.get("content-type")));
	if (match.tlsContext) tests.push(...compileTlsContext(match.tlsContext));
	match.dynamicMetadata.forEach((matcher, i) => {
		const test = compileMetadataMatcher(matcher, at.field("dynamic_metadata").index(i), problems);
		tests.push(({ info }) => test((namespace) => info.dynamicMetadata.get(namespace)));
	});
	match.filterState.forEach((matcher, i) => {
		tests.push(compileFilterState(matcher, at.field("filter_state").index(i), problems));
	});
	return tests;
}

function compileCookieMatcher(matcher: CookieMatcher, at: FieldPath, problems: ProblemList): InputTest {
	const { name, stringMatch, invertMatch } = matcher;
	if (name === "") problems.add("missing", at.field("name"), "the cookie matcher has no name");
	if (!stringMatch) {
		problems.add("missing", at.field("string_match"), "the cookie matcher has no string_match");
		return () => false;
	}
	const test = compileStringMatcher(stringMatch, at.field("string_match"), problems);
	return ({ cookies }) => {
		const value = cookies.get(name);
		return (value !== undefined && test(value)) !== invertMatch;
	};
}

function compileTlsContext({ presented, validated }: RouteMatch_TlsContextMatchOptions): InputTest[] {
	const tests: InputTest[] = [];
	if (presented !== undefined) tests.push(({ info }) => (info.connection?.tls?.peer !== undefined) === presented);
	if (validated !== undefined) tests.push(({ info }) => (info.connection?.tls?.peerValidated ?? false) === validated);
	return tests;
}

/** Filter state of the stream, else of the connection. */
function compileFilterState(matcher: FilterStateMatcher, at: FieldPath, problems: ProblemList): InputTest {
	const { key, matcher: spec } = matcher;
	if (key === "") problems.add("missing", at.field("key"), "the filter state matcher has no key");
	const value = ({ info }: MatchInput) => info.filterState.get(key) ?? info.connection?.filterState.get(key);
	if (spec.case === "stringMatch") {
		const test = compileStringMatcher(spec.value, at.field("string_match"), problems);
		return (input) => {
			const found = value(input);
			return typeof found === "string" && test(found);
		};
	}
	problems.notImplemented(at, "a filter state matcher other than string_match");
	return () => false;
}
