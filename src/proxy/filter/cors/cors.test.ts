import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { CorsSchema } from "../../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { routeWith, TestStream, testDeps } from "../filter-fixture.ts";
import { corsFilter } from "./cors.ts";

const NAME = "envoy.filters.http.cors";
const POLICY: JsonObject = {
	allow_origin_string_match: [
		{ exact: "https://a.example" },
		{ safe_regex: { regex: "https://[a-z]+\\.b\\.example" } },
	],
	allow_methods: "GET,POST",
	allow_headers: "x-one",
	expose_headers: "x-two",
	max_age: "600",
	allow_credentials: true,
};

function answerTo(policy: JsonObject | undefined, method: string, headers: Record<string, string>) {
	const deps = testDeps();
	const factory = corsFilter(deps);
	const filter = factory.parse(create(CorsSchema), "f", NAME).create();
	const route = routeWith(NAME, policy && { "@type": factory.routeTypeUrl!, ...policy }, factory);
	const stream = new TestStream(testRequest("/", headers, { method }), route);
	const answer = filter.decodeHeaders!(stream, true);
	const response = stream.encodeWith(filter);
	const seen = Object.fromEntries(response.headers.names.map((name, i) => [name, response.headers.values[i]]));
	return { answer, status: stream.reply?.status, details: stream.reply?.details, seen, deps };
}

const PREFLIGHT = { origin: "https://a.example", "access-control-request-method": "POST" };

test("a preflight of an allowed origin is answered here", () => {
	const { answer, status, details, seen } = answerTo(POLICY, "OPTIONS", PREFLIGHT);
	assert.deepEqual([answer, status, details], ["stop", 200, "cors_response"]);
	assert.deepEqual(seen, {
		"access-control-allow-origin": "https://a.example",
		"access-control-allow-credentials": "true",
		"access-control-allow-methods": "GET,POST",
		"access-control-allow-headers": "x-one",
		"access-control-max-age": "600",
		"access-control-expose-headers": "x-two",
	});
});

describe("requests", () => {
	test("an allowed origin gets its own name back and goes on", () => {
		const { answer, seen, deps } = answerTo(POLICY, "GET", { origin: "https://x.b.example" });
		assert.equal(answer, "continue");
		assert.deepEqual(seen, {
			"access-control-allow-origin": "https://x.b.example",
			"access-control-allow-credentials": "true",
			"access-control-expose-headers": "x-two",
		});
		assert.equal(deps.count("cors.origin_valid"), 1);
	});

	test("other origins, no origin, no policy: nothing is added", () => {
		for (const [policy, headers] of [
			[POLICY, { origin: "https://evil.example" }],
			[POLICY, { origin: "https://a.example.evil" }],
			[POLICY, {}],
			[undefined, { origin: "https://a.example" }],
			[{ ...POLICY, filter_enabled: { default_value: { numerator: 0 } } }, { origin: "https://a.example" }],
		] as const) {
			const { answer, seen } = answerTo(policy, "GET", headers);
			assert.deepEqual([answer, seen], ["continue", {}]);
		}
	});

	test("an exact star allows every origin", () => {
		const { seen } = answerTo({ allow_origin_string_match: [{ exact: "*" }] }, "GET", { origin: "https://any" });
		assert.deepEqual(seen, { "access-control-allow-origin": "https://any" });
	});
});

describe("preflights of other origins", () => {
	const evil = { ...PREFLIGHT, origin: "https://evil.example" };
	test("go on to the service by default", () => {
		const { answer, deps } = answerTo(POLICY, "OPTIONS", evil);
		assert.equal(answer, "continue");
		assert.equal(deps.count("cors.origin_invalid"), 1);
	});

	test("are answered without granting the origin when the policy says so", () => {
		const { answer, status, seen } = answerTo({ ...POLICY, forward_not_matching_preflights: false }, "OPTIONS", evil);
		assert.deepEqual([answer, status], ["stop", 200]);
		assert.deepEqual(Object.keys(seen).sort(), [
			"access-control-allow-credentials",
			"access-control-allow-headers",
			"access-control-allow-methods",
			"access-control-max-age",
		]);
	});
});

test("OPTIONS without the requested method is an ordinary request", () => {
	assert.equal(answerTo(POLICY, "OPTIONS", { origin: "https://a.example" }).answer, "continue");
});

test("private network access is granted on request where the policy allows it", () => {
	const asking = { ...PREFLIGHT, "access-control-request-private-network": "true" };
	const header = "access-control-allow-private-network";
	assert.equal(answerTo({ ...POLICY, allow_private_network_access: true }, "OPTIONS", asking).seen[header], "true");
	assert.equal(answerTo(POLICY, "OPTIONS", asking).seen[header], undefined);
});

test("a star in methods and headers grants what the preflight asks for", () => {
	const policy = { ...POLICY, allow_methods: "*", allow_headers: "*" };
	const { seen } = answerTo(policy, "OPTIONS", { ...PREFLIGHT, "access-control-request-headers": "x-a,x-b" });
	assert.equal(seen["access-control-allow-methods"], "POST");
	assert.equal(seen["access-control-allow-headers"], "x-a,x-b");
});

test("a policy that is only shadowed counts and changes nothing", () => {
	const shadow = {
		...POLICY,
		filter_enabled: { default_value: { numerator: 0 } },
		shadow_enabled: { default_value: { numerator: 100 } },
	};
	const { answer, seen, deps } = answerTo(shadow, "OPTIONS", PREFLIGHT);
	assert.deepEqual([answer, seen, deps.count("cors.origin_valid")], ["continue", {}, 1]);
});
