import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { matchOf, tableOfRoutes, testRequest } from "../route-fixture.ts";

const answers = (match: JsonObject, request: ReturnType<typeof testRequest>) =>
	matchOf(tableOfRoutes({ match: { prefix: "/", ...match }, direct_response: { status: 200 } }), request) !== undefined;

/** Header matcher, header value (undefined: absent), does it match. */
const HEADER_CASES: readonly (readonly [JsonObject, string | undefined, boolean])[] = [
	[{}, "x", true],
	[{}, undefined, false],
	[{ present_match: true }, "", true],
	[{ present_match: true }, undefined, false],
	[{ present_match: false }, undefined, true],
	[{ present_match: false }, "x", false],
	[{ present_match: true, invert_match: true }, undefined, true],
	[{ present_match: true, invert_match: true }, "x", false],
	[{ present_match: false, invert_match: true }, undefined, false],
	[{ present_match: true, treat_missing_header_as_empty: true }, undefined, true],
	[{ exact_match: "a" }, "a", true],
	[{ exact_match: "a" }, "A", false],
	[{ exact_match: "a", invert_match: true }, "b", true],
	[{ exact_match: "a", invert_match: true }, undefined, false],
	[{ exact_match: "a", invert_match: true, treat_missing_header_as_empty: true }, undefined, true],
	[{ exact_match: "", treat_missing_header_as_empty: true }, undefined, true],
	[{ prefix_match: "ab" }, "abc", true],
	[{ suffix_match: "bc" }, "abc", true],
	[{ contains_match: "b" }, "abc", true],
	[{ contains_match: "x" }, "abc", false],
	[{ safe_regex_match: { regex: "a.c" } }, "abc", true],
	[{ safe_regex_match: { regex: "a" } }, "abc", false],
	[{ range_match: { start: "-10", end: "0" } }, "-10", true],
	[{ range_match: { start: "-10", end: "0" } }, "0", false],
	[{ range_match: { start: "-10", end: "0" } }, "somestring", false],
	[{ range_match: { start: "-10", end: "0" } }, "-1somestring", false],
	[{ range_match: { start: "-10", end: "0" } }, "-1.9", false],
	[{ range_match: { start: "0", end: "5" }, invert_match: true }, "x", true],
	[{ string_match: { exact: "Ab", ignore_case: true } }, "aB", true],
	[{ string_match: { prefix: "AB", ignore_case: true } }, "abc", true],
	[{ string_match: { suffix: "BC", ignore_case: true } }, "abc", true],
	[{ string_match: { contains: "B", ignore_case: true } }, "abc", true],
	[{ string_match: { safe_regex: { regex: "v[0-9]+" } } }, "v12", true],
];

describe("header matchers", () => {
	for (const [matcher, value, expected] of HEADER_CASES) {
		test(`${JSON.stringify(matcher)} on ${value === undefined ? "no header" : `"${value}"`}: ${expected}`, () => {
			const request = testRequest("/", value === undefined ? {} : { "X-Test": value });
			assert.equal(answers({ headers: [{ name: "X-Test", ...matcher }] }, request), expected);
		});
	}

	test("several instances are looked at one by one", () => {
		const request = testRequest("/", { "x-test": "a" });
		request.headers.append("x-test", "b");
		const matches = (matcher: JsonObject) => answers({ headers: [{ name: "x-test", ...matcher }] }, request);
		assert.ok(matches({ exact_match: "b" }));
		assert.ok(!matches({ exact_match: "a,b" }));
		assert.ok(!matches({ exact_match: "b", invert_match: true }));
		assert.ok(matches({ exact_match: "c", invert_match: true }));
	});

	test("pseudo headers and host can be tested", () => {
		const request = testRequest("/p?q", {}, { method: "POST", scheme: "https" });
		const headers = [
			[":method", "POST"],
			[":path", "/p?q"],
			[":authority", "host.example"],
			["host", "host.example"],
			[":scheme", "https"],
		].map(([name, value]) => ({ name: name!, exact_match: value! }));
		assert.ok(answers({ headers }, request));
		assert.ok(!answers({ headers: [{ name: ":unknown" }] }, request));
	});
});

/** Query matcher, path, does it match. */
const QUERY_CASES: readonly (readonly [JsonObject, string, boolean])[] = [
	[{}, "/?key", true],
	[{}, "/?key=", true],
	[{}, "/?other", false],
	[{ present_match: false }, "/", true],
	[{ present_match: false }, "/?key=1", false],
	[{ string_match: { exact: "" } }, "/?key", true],
	[{ string_match: { exact: "1" } }, "/?key=1&key=2", true],
	[{ string_match: { exact: "2" } }, "/?key=1&key=2", false],
	[{ string_match: { exact: "a b" } }, "/?key=a%20b", false],
	[{ string_match: { prefix: "a" } }, "/?x=1&key=abc", true],
	[{ string_match: { safe_regex: { regex: "[0-9]+" } } }, "/?key=12a", false],
	[{ string_match: { exact: "1" } }, "/?key=1#frag", true],
];

describe("query parameter matchers", () => {
	for (const [matcher, path, expected] of QUERY_CASES) {
		test(`${JSON.stringify(matcher)} on ${path}: ${expected}`, () => {
			assert.equal(answers({ query_parameters: [{ name: "key", ...matcher }] }, testRequest(path)), expected);
		});
	}
});

/** Path specifier, path, does it match. */
const PATH_CASES: readonly (readonly [JsonObject, string, boolean])[] = [
	[{ prefix: "/foo" }, "/foobar?x=/", true],
	[{ prefix: "/foo" }, "/FOO", false],
	[{ prefix: "/foo", case_sensitive: false }, "/FoObar", true],
	[{ prefix: "/a?b" }, "/a?b", false],
	[{ path: "/foo" }, "/foo?x", true],
	[{ path: "/foo" }, "/foo/", false],
	[{ path: "/Foo", case_sensitive: false }, "/fOO", true],
	[{ path_separated_prefix: "/foo" }, "/foo", true],
	[{ path_separated_prefix: "/foo" }, "/foo/bar", true],
	[{ path_separated_prefix: "/foo" }, "/foo?x", true],
	[{ path_separated_prefix: "/foo" }, "/foobar", false],
	[{ path_separated_prefix: "/foo", case_sensitive: false }, "/FOO/x", true],
	[{ safe_regex: { regex: "/v[0-9]+/.*" } }, "/v1/a?b", true],
	[{ safe_regex: { regex: "/v[0-9]+" } }, "/v1/a", false],
	[{ safe_regex: { regex: "/a|/b" } }, "/b", true],
	[{ prefix: "/", grpc: {} }, "/", false],
	[{ connect_matcher: {} }, "/", false],
];

describe("path matchers", () => {
	for (const [match, path, expected] of PATH_CASES) {
		test(`${JSON.stringify(match)} on ${path}: ${expected}`, () => {
			const table = tableOfRoutes({ match, direct_response: { status: 200 } });
			assert.equal(matchOf(table, testRequest(path)) !== undefined, expected);
		});
	}

	test("gRPC is told by the content type", () => {
		const table = tableOfRoutes({ match: { prefix: "/", grpc: {} }, direct_response: { status: 200 } });
		for (const [type, expected] of [
			["application/grpc", true],
			["application/grpc+proto", true],
			["application/grpc-web", false],
		] as const)
			assert.equal(matchOf(table, testRequest("/", { "content-type": type })) !== undefined, expected, type);
	});

	test("CONNECT without a path goes to connect_matcher only", () => {
		const connect = testRequest("", {}, { method: "CONNECT" });
		const prefix = { match: { prefix: "" }, name: "prefix", direct_response: { status: 200 } };
		assert.equal(matchOf(tableOfRoutes(prefix), connect), undefined);
		const both = tableOfRoutes(prefix, { match: { connect_matcher: {} }, name: "c", direct_response: { status: 200 } });
		assert.equal(matchOf(both, connect)?.routeName, "c");
	});
});
