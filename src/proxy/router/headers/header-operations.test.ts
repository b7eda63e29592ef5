import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ProblemError } from "../../../lib/problem.ts";
import { HeaderMap } from "../../http/header-map.ts";
import { matchOf, tableOf, tableOfRoutes, testInfo, testRequest } from "../route-fixture.ts";

const pairs = (headers: HeaderMap) => headers.names.map((name, i) => `${name}: ${headers.values[i]}`);
const add = (key: string, value: string, append_action = "APPEND_IF_EXISTS_OR_ADD"): JsonObject => ({
	header: { key, value },
	append_action,
});

function requestAfter(route: JsonObject, headers: Record<string, string>): string[] {
	const table = tableOfRoutes({ match: { prefix: "/" }, route: { cluster: "c" }, ...route });
	const request = testRequest("/", headers);
	matchOf(table, request)!.finalizeRequest(request, testInfo(), { cluster: "c", weightedIndex: -1 });
	return pairs(request.headers);
}

test("removes first, evaluates all on what is left, then overwrites, then adds", () => {
	const result = requestAfter(
		{
			request_headers_to_remove: ["x-gone", "x-if"],
			request_headers_to_add: [
				add("x-add", "r %REQ(x-add)%"),
				add("x-if", "r", "ADD_IF_ABSENT"),
				add("x-ow", "r", "OVERWRITE_IF_EXISTS"),
				add("x-there", "new", "OVERWRITE_IF_EXISTS"),
				add("X-Set", "r %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %PROTOCOL%%%", "OVERWRITE_IF_EXISTS_OR_ADD"),
				add("x-empty", "%REQ(nope)%"),
				add("x-mixed", "a%REQ(nope)%b"),
				{ header: { key: "x-keep", value: "" }, keep_empty_value: true },
				add("x-dropped", ""),
			],
		},
		{ "x-add": "c", "x-if": "c", "x-gone": "1", "x-there": "old" },
	);
	assert.deepEqual(result, [
		"x-add: c",
		"x-there: new",
		"x-set: r 127.0.0.1 HTTP/1.1%",
		"x-add: r c",
		"x-if: r",
		"x-mixed: ab",
		"x-keep: ",
	]);
});

test("the deprecated append flag is understood", () => {
	const result = requestAfter(
		{
			request_headers_to_add: [
				{ header: { key: "a", value: "2" }, append: false },
				{ header: { key: "b", value: "2" }, append: true },
			],
		},
		{ a: "1", b: "1" },
	);
	assert.deepEqual(result, ["b: 1", "a: 2", "b: 2"]);
});

test("line breaks from metadata do not get into a header", () => {
	const table = tableOfRoutes({
		match: { prefix: "/" },
		route: { cluster: "c" },
		request_headers_to_add: [add("a", "%DYNAMIC_METADATA(n:v)%")],
	});
	const request = testRequest("/");
	const info = testInfo({ dynamicMetadata: new Map([["n", { v: "x\r\nevil: 1" }]]) });
	matchOf(table, request)!.finalizeRequest(request, info, undefined);
	assert.deepEqual(pairs(request.headers), ["a: x  evil: 1"]);
});

const LEVELS = (wins: boolean) =>
	tableOf({
		name: "r",
		most_specific_header_mutations_wins: wins,
		request_headers_to_add: [add("a", "configuration", "OVERWRITE_IF_EXISTS_OR_ADD"), add("list", "configuration")],
		response_headers_to_add: [add("a", "configuration", "OVERWRITE_IF_EXISTS_OR_ADD")],
		response_headers_to_remove: ["x-secret"],
		virtual_hosts: [
			{
				name: "v",
				domains: ["*"],
				request_headers_to_add: [add("a", "host", "OVERWRITE_IF_EXISTS_OR_ADD"), add("list", "host")],
				response_headers_to_add: [add("a", "host", "OVERWRITE_IF_EXISTS_OR_ADD")],
				routes: [
					{
						match: { prefix: "/" },
						request_headers_to_add: [add("a", "route", "OVERWRITE_IF_EXISTS_OR_ADD"), add("list", "route")],
						response_headers_to_add: [add("a", "route", "OVERWRITE_IF_EXISTS_OR_ADD")],
						route: {
							weighted_clusters: {
								clusters: [
									{ name: "x", weight: 0 },
									{
										name: "w",
										weight: 1,
										request_headers_to_add: [
											add("a", "weighted", "OVERWRITE_IF_EXISTS_OR_ADD"),
											add("list", "weighted"),
										],
										response_headers_to_add: [add("b", "weighted %RESPONSE_CODE%")],
									},
								],
							},
						},
					},
				],
			},
		],
	});

test("levels run from the most specific to the least, or the other way round; the last word wins", () => {
	for (const [wins, a, list] of [
		[false, "configuration", ["weighted", "route", "host", "configuration"]],
		[true, "route", ["weighted", "configuration", "host", "route"]],
	] as const) {
		const request = testRequest("/");
		const route = matchOf(LEVELS(wins), request)!;
		const choice = { cluster: "w", weightedIndex: 1 };
		route.finalizeRequest(request, testInfo(), choice);
		assert.equal(request.headers.get("a"), a);
		assert.deepEqual(request.headers.getAll("list"), list);
		const response = { status: 200, headers: HeaderMap.of(["x-secret", "1"]) };
		route.finalizeResponse(response, request, testInfo({ responseCode: 200 }), choice);
		assert.deepEqual(pairs(response.headers).sort(), [`a: ${a}`, "b: weighted 200"]);
	}
});

test("what must not be changed is refused with its path", () => {
	const bad = {
		match: { prefix: "/" },
		route: { cluster: "c" },
		request_headers_to_add: [add(":path", "/"), add("Host", "x"), add("", "x"), add("a b", "x"), add("ok", "%NOPE%")],
		request_headers_to_remove: [":authority", "host"],
		response_headers_to_add: [{ header: { key: "x", value: "1" }, append: false, append_action: "ADD_IF_ABSENT" }],
	};
	assert.throws(
		() => tableOfRoutes(bad),
		(error: unknown) => {
			assert.ok(error instanceof ProblemError);
			const at = "virtual_hosts[0].routes[0]";
			assert.deepEqual(error.problems.map((p) => p.path).sort(), [
				`${at}.request_headers_to_add[0].header.key`,
				`${at}.request_headers_to_add[1].header.key`,
				`${at}.request_headers_to_add[2].header.key`,
				`${at}.request_headers_to_add[3].header.key`,
				`${at}.request_headers_to_add[4].header.value`,
				`${at}.request_headers_to_remove[0]`,
				`${at}.request_headers_to_remove[1]`,
				`${at}.response_headers_to_add[0].append`,
			]);
			return true;
		},
	);
});
