import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fieldPath } from "../../../lib/field-path.ts";
import { HeaderMap } from "../../http/header-map.ts";
import type { FormatContext } from "../format/format-context.ts";
import { ProblemList } from "../problem-list.ts";
import { testInfo, testRequest } from "../route-fixture.ts";
import { compileCel } from "./cel-program.ts";

const ctx: FormatContext = {
	info: testInfo({
		responseCode: 503,
		responseCodeDetails: "via_upstream",
		bytesReceived: 7,
		upstreamHost: "10.0.0.1:80",
		responseFlags: new Set(["UF", "URX"]),
		dynamicMetadata: new Map([["ns", { key: "v", deep: { list: [1, "two"] } }]]),
	}),
	request: testRequest("/a/b?q=1", { "x-user": "jane", "user-agent": "curl" }),
	response: { status: 503, headers: HeaderMap.of(["x-up", "1"]) },
};

function evaluate(text: string): unknown {
	const problems = new ProblemList();
	const program = compileCel(text, fieldPath("e"), problems);
	problems.throwIfAny();
	return program(ctx);
}

const CASES: readonly (readonly [string, unknown])[] = [
	["response.code >= 400", true],
	["response.code >= 400 && response.code < 500", false],
	["!(response.code == 200)", true],
	["request.url_path.contains('/b') && request.method == 'GET'", true],
	["request.headers['x-user'] == 'jane'", true],
	["request.headers['x-none'] == 'jane'", undefined],
	["request.headers['x-none'] == 'jane' || true", true],
	["has(request.referer)", false],
	["'x-user' in request.headers", true],
	["request.useragent.startsWith('cu') ? 'cli' : 'browser'", "cli"],
	["request.path.matches('^/a/.+=1$')", true],
	["metadata.filter_metadata['ns']['deep'].list[1]", "two"],
	["response.code in [500, 503]", true],
	["request.size + 1 - 2 * 3", 2],
	["7 / 2 == 3 && 7 % 2 == 1 && -1 < 0", true],
	["1 / 0 == 0", undefined],
	["size(request.host) > 0 && string(response.code) == '503' && int('5') == 5", true],
	["upstream.address + '!'", undefined],
	["upstream.port", 80],
	["response.flags", 2 ** 5 + 2 ** 15],
	["connection.mtls", false],
	["nosuch.thing == 1", undefined],
	["nosuch", undefined],
	["\"a\\u0041\" == 'aA' && r'\\d' == '\\\\d'", true],
	["{'a': 1}['a']", 1],
];

describe("expressions over a finished request", () => {
	for (const [text, expected] of CASES) test(text, () => assert.deepEqual(evaluate(text), expected));
});

describe("what is no expression is a problem", () => {
	for (const text of [
		"",
		"1 +",
		"(1",
		"a b",
		"f(1)",
		"has(request.headers['x'])",
		"request.path.matches('(')",
		"'open",
		`${"(".repeat(200)}1`,
	])
		test(text.slice(0, 30), () => assert.throws(() => evaluate(text), /is no expression/));
});
