import type { FieldPath } from "../../../lib/field-path.ts";
import type { HeaderMatcher } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { Int64Range } from "../../../xds/generated/envoy/type/v3/range_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { ProblemList } from "../problem-list.ts";
import { requestHeader } from "./request-header.ts";
import { compileRegexMatcher, compileStringMatcher, compileTextTest, type ValueTest } from "./string-matcher.ts";

/** One compiled header test: one value of the named field (undefined: the field is absent) → does it match. */
export interface HeaderTest {
	/** In lower case; a pseudo header begins with a colon. */
	readonly name: string;
	test(value: string | undefined): boolean;
	/** With several instances of the field: all must pass (an inverted test) instead of one. */
	readonly every: boolean;
	/** The one value that can match, when the test is a plain equality; lets an index skip the rest. */
	readonly exact: string | undefined;
}

/** Compiles `envoy.config.route.v3.HeaderMatcher` (Envoy: HeaderUtility::matchHeaders). */
export function compileHeaderMatcher(matcher: HeaderMatcher, at: FieldPath, problems: ProblemList): HeaderTest {
	const name = matcher.name.toLowerCase();
	if (name === "") problems.add("missing", at.field("name"), "the header matcher has no name");
	const { headerMatchSpecifier: spec, invertMatch: invert, treatMissingHeaderAsEmpty: missingIsEmpty } = matcher;
	// Without a specifier the test is for presence.
	if (spec.case === undefined || spec.case === "presentMatch") {
		const wanted = spec.case === undefined || spec.value;
		return { name, every: invert, test: presenceTest(wanted, invert, missingIsEmpty), exact: undefined };
	}
	const inner = compileValueTest(spec, at, problems);
	// An absent field never matches, inverted or not, unless it counts as empty.
	const ifMissing = missingIsEmpty ? inner("") !== invert : false;
	const exact = invert || missingIsEmpty ? undefined : exactValue(spec);
	return { name, every: invert, exact, test: (value) => (value === undefined ? ifMissing : inner(value) !== invert) };
}

/** Several instances of a field are looked at one by one (Envoy: match_headers_individually). */
export function testHeader(header: HeaderTest, headers: HeaderMap): boolean {
	const { names, values } = headers;
	const first = names.indexOf(header.name);
	if (first < 0) return header.test(undefined);
	if (names.indexOf(header.name, first + 1) < 0) return header.test(values[first]);
	const all = headers.getAll(header.name);
	return header.every ? all.every(header.test) : all.some(header.test);
}

/** Does the request have what the header test wants? Pseudo headers go by their names. */
export function testRequestHeader(header: HeaderTest, request: RequestHead): boolean {
	const { name } = header;
	if (name.charCodeAt(0) === 58 || name === "host") return header.test(requestHeader(request, name));
	return testHeader(header, request.headers);
}

/** As `testRequestHeader`, for a response. */
export function testResponseHeader(header: HeaderTest, response: ResponseHead): boolean {
	return header.name === ":status" ? header.test(String(response.status)) : testHeader(header, response.headers);
}

function presenceTest(wanted: boolean, invert: boolean, missingIsEmpty: boolean): HeaderTest["test"] {
	const ifPresent = wanted !== invert;
	const ifMissing = missingIsEmpty ? ifPresent : !ifPresent;
	return (value) => (value === undefined ? ifMissing : ifPresent);
}

type Specifier = Exclude<HeaderMatcher["headerMatchSpecifier"], { case: undefined } | { case: "presentMatch" }>;

function compileValueTest(spec: Specifier, at: FieldPath, problems: ProblemList): ValueTest {
	switch (spec.case) {
		case "exactMatch":
			return compileTextTest("exact", spec.value, false);
		case "prefixMatch":
			return compileTextTest("prefix", spec.value, false);
		case "suffixMatch":
			return compileTextTest("suffix", spec.value, false);
		case "containsMatch":
			return compileTextTest("contains", spec.value, false);
		case "rangeMatch":
			return compileRange(spec.value);
		case "safeRegexMatch": {
			const regex = compileRegexMatcher(spec.value, at.field("safe_regex_match"), problems);
			return (value) => regex.matches(value);
		}
		case "stringMatch":
			return compileStringMatcher(spec.value, at.field("string_match"), problems);
	}
}

function exactValue(spec: Specifier): string | undefined {
	if (spec.case === "exactMatch") return spec.value;
	if (spec.case !== "stringMatch" || spec.value.ignoreCase) return undefined;
	return spec.value.matchPattern.case === "exact" ? spec.value.matchPattern.value : undefined;
}

/** Half-open range over whole numbers in base 10; text that is no 64-bit number is outside. */
function compileRange(range: Int64Range): ValueTest {
	const { start, end } = range;
	return (value) => {
		if (!/^\s*[+-]?\d{1,19}\s*$/.test(value)) return false;
		const number = BigInt(value.trim().replace(/^\+/, ""));
		return number >= start && number < end;
	};
}
