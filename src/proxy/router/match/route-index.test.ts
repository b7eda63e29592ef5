import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { fieldPath } from "../../../lib/field-path.ts";
import { seededRandom } from "../../../lib/random.ts";
import { RouteMatchSchema } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { ProblemList } from "../problem-list.ts";
import { testInfo, testRequest } from "../route-fixture.ts";
import { MatchInput } from "./match-input.ts";
import { DomainIndex, stripPort } from "./path/domain-index.ts";
import { PrefixTrie } from "./path/prefix-trie.ts";
import { compileRouteCondition, type RouteCondition } from "./route-condition.ts";
import { buildRouteIndex, walkRoutes } from "./route-index.ts";

function conditionOf(json: JsonObject): RouteCondition {
	const problems = new ProblemList();
	const condition = compileRouteCondition(fromJson(RouteMatchSchema, json), fieldPath("match"), problems);
	problems.throwIfAny();
	return condition;
}

const segment = fc.constantFrom("a", "b", "A", "ab", "");
const pathText = fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join("/")}`);
const pathSpec: fc.Arbitrary<JsonObject> = fc.oneof(
	pathText.map((path): JsonObject => ({ path })),
	pathText.map((prefix): JsonObject => ({ prefix })),
	pathText.map((path): JsonObject => ({ path, case_sensitive: false })),
	pathText.map((prefix): JsonObject => ({ prefix, case_sensitive: false })),
	fc.constantFrom("/a", "/a/b", "/ab").map((p): JsonObject => ({ path_separated_prefix: p })),
	fc
		.constantFrom("/a.*", ".*/b", "/(a|b)/.*", "/[ab]+", "(?i)/A.*")
		.map((regex): JsonObject => ({ safe_regex: { regex } })),
	fc.constant<JsonObject>({ connect_matcher: {} }),
);
const headerSpec: fc.Arbitrary<JsonObject> = fc.oneof(
	fc.nat(12).map((n): JsonObject => ({ name: "x-user", exact_match: `u${n}` })),
	fc.nat(12).map((n): JsonObject => ({ name: "x-user", string_match: { exact: `u${n}` } })),
	fc.constant<JsonObject>({ name: "x-user", present_match: true }),
	fc.constant<JsonObject>({ name: "x-user", exact_match: "u1", invert_match: true }),
	fc.constant<JsonObject>({ name: ":method", exact_match: "POST" }),
);
const routeSpec = fc
	.tuple(pathSpec, fc.array(headerSpec, { maxLength: 2 }))
	.map(([path, headers]): JsonObject => ({ ...path, headers }));
const requestSpec = fc.record({
	path: fc.tuple(pathText, fc.constantFrom("", "?q=1")).map((parts) => parts.join("")),
	user: fc.option(fc.nat(13), { nil: undefined }),
	method: fc.constantFrom("GET", "POST", "CONNECT"),
});

test("the index finds the route that a walk over the table finds", () => {
	let hits = 0;
	fc.assert(
		fc.property(
			fc.array(routeSpec, { minLength: 1, maxLength: 40 }),
			fc.array(requestSpec, { minLength: 1, maxLength: 20 }),
			(specs, requests) => {
				const routes = specs.map((spec) => ({ condition: conditionOf(spec) }));
				const index = buildRouteIndex(routes, 0);
				for (const { path, user, method } of requests) {
					const request = testRequest(path, user === undefined ? {} : { "x-user": `u${user}` }, { method });
					const input = new MatchInput(request, { random: seededRandom(1), info: testInfo() });
					const expected = walkRoutes(routes, input);
					if (expected) hits++;
					assert.equal(index.find(input), expected);
				}
			},
		),
		{ numRuns: 300 },
	);
	assert.ok(hits > 500, `only ${hits} requests matched`);
});

/** Counts how many conditions a look-up evaluates. */
function countingTable(specs: readonly JsonObject[]) {
	let evaluated = 0;
	const routes = specs.map((spec) => {
		const condition = conditionOf(spec);
		const matches = condition.matches.bind(condition);
		condition.matches = (input) => {
			evaluated++;
			return matches(input);
		};
		return { condition };
	});
	return { routes, index: buildRouteIndex(routes), evaluations: () => evaluated };
}

describe("10 000 routes cost what 10 cost", () => {
	const numbers = Array.from({ length: 10_000 }, (_, i) => i);
	const tables: Readonly<Record<string, readonly JsonObject[]>> = {
		"exact paths": numbers.map((i) => ({ path: `/svc/${i}/get` })),
		prefixes: numbers.map((i) => ({ prefix: `/svc/${i}/` })),
		"path separated prefixes": numbers.map((i) => ({ path_separated_prefix: `/svc/${i}/get` })),
		"regular expressions with a literal beginning": numbers.map((i) => ({
			safe_regex: { regex: `/svc/${i}/g[a-z]+` },
		})),
		"one path told apart by a header": numbers.map((i) => ({
			prefix: "/",
			headers: [{ name: "x-n", exact_match: `${i}` }],
		})),
	};
	for (const [name, specs] of Object.entries(tables)) {
		test(name, () => {
			const table = countingTable(specs);
			const request = testRequest("/svc/9876/get", { "x-n": "9876" });
			assert.equal(
				table.index.find(new MatchInput(request, { random: seededRandom(1), info: testInfo() })),
				table.routes[9876],
			);
			assert.ok(table.evaluations() <= 10, `${table.evaluations()} conditions were evaluated`);
		});
	}
});

test("a runtime fraction lets its share through, one draw for all routes of a request", () => {
	const half: JsonObject = { prefix: "/", runtime_fraction: { default_value: { numerator: 50 } } };
	const routes = [{ condition: conditionOf(half) }, { condition: conditionOf(half) }];
	const random = seededRandom(7);
	let first = 0;
	for (let i = 0; i < 10_000; i++) {
		const found = walkRoutes(routes, new MatchInput(testRequest("/"), { random, info: testInfo() }));
		// The same draw fails the second route too.
		assert.notEqual(found, routes[1]);
		if (found) first++;
	}
	assert.ok(Math.abs(first - 5000) < 200, `${first}`);
	const none = create(RouteMatchSchema, { pathSpecifier: { case: "prefix", value: "/" }, runtimeFraction: {} });
	const condition = compileRouteCondition(none, fieldPath(), new ProblemList());
	assert.equal(condition.matches(new MatchInput(testRequest("/"), { random, info: testInfo() })), false);
});

test("the trie finds all keys that a text begins with", () => {
	fc.assert(
		fc.property(
			fc.array(fc.stringMatching(/^[ab/]{0,5}$/), { maxLength: 30 }),
			fc.stringMatching(/^[ab/]{0,7}$/),
			(keys, text) => {
				const trie = new PrefixTrie<string>();
				for (const key of new Set(keys)) trie.add(key, key);
				const found: string[] = [];
				trie.collectPrefixes(text, found);
				const expected = [...new Set(keys)].filter((key) => text.startsWith(key)).sort((a, b) => a.length - b.length);
				assert.deepEqual(found, expected);
			},
		),
	);
});

test("virtual hosts: exact, then longest suffix, then longest prefix, then all", () => {
	const index = new DomainIndex<string>();
	for (const domain of ["www.Foo.com", "*.foo.com", "*-bar.foo.com", "foo.*", "foo.bar.*", "*"])
		assert.ok(index.add(domain, domain));
	for (const [host, expected] of [
		["www.foo.com", "www.Foo.com"],
		["api.foo.com", "*.foo.com"],
		["x-bar.foo.com", "*-bar.foo.com"],
		["-bar.foo.com", "*.foo.com"],
		[".foo.com", "*"],
		["foo.bar.x", "foo.bar.*"],
		["foo.x", "foo.*"],
		["foo.", "*"],
		["other", "*"],
	] as const)
		assert.equal(index.find(host), expected, host);
	for (const domain of ["WWW.foo.com", "*.foo.com", "foo.*", "*"])
		assert.equal(index.add(domain, "again"), false, domain);
});

test("ports are cut off hosts, not off addresses", () => {
	for (const [host, bare] of [
		["a:80", "a"],
		["a", "a"],
		["[::1]:80", "[::1]"],
		["[::1]", "[::1]"],
		["::1", "::1"],
		["10.0.0.1:9080", "10.0.0.1"],
	] as const)
		assert.equal(stripPort(host), bare);
});
