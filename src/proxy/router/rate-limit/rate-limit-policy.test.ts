import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { fieldPath } from "../../../lib/field-path.ts";
import { RateLimitSchema } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { ProblemList } from "../problem-list.ts";
import { matchOf, tableOf, testEnv, testInfo, testRequest } from "../route-fixture.ts";
import { describeByRoute } from "./describe-request.ts";
import type { RateLimitDescriptor } from "./descriptor.ts";
import { compileRateLimits } from "./rate-limit-policy.ts";

function policyOf(...limits: JsonObject[]) {
	const problems = new ProblemList();
	const messages = limits.map((limit) => fromJson(RateLimitSchema, limit));
	const policy = compileRateLimits(messages, fieldPath("l"), { env: testEnv, problems }, "filter");
	problems.throwIfAny();
	return policy;
}

const METADATA = { deep: { user: "ann" }, limit: { requests_per_unit: 42.5, unit: "HOUR" } };

function described(
	limit: JsonObject,
	path = "/",
	headers: Record<string, string> = {},
	ip = "10.1.2.3",
): RateLimitDescriptor[] {
	const into: RateLimitDescriptor[] = [];
	const info = testInfo({
		downstreamRemoteAddress: `${ip.includes(":") ? `[${ip}]` : ip}:4000`,
		dynamicMetadata: new Map([["n", METADATA]]),
	});
	const request = testRequest(path, headers);
	const route = { metadata: { r: { key: "of-route" } } };
	policyOf(limit).describe(
		limit.stage ? Number(limit.stage) : 0,
		{ request, info, route, serviceCluster: "me", destinationCluster: "there" },
		into,
	);
	return into;
}

/** `key=value` of the descriptor that these actions make; undefined: none. */
const entries = (actions: JsonObject[], ...rest: [string?, Record<string, string>?, string?]) =>
	described({ actions }, ...rest)[0]?.entries.map(({ key, value }) => `${key}=${value}`);

describe("actions", () => {
	const deep = { key: "n", path: [{ key: "deep" }, { key: "user" }] };
	const gone = { key: "n", path: [{ key: "gone" }] };

	test("each makes its entry", () => {
		const headers = { "x-user": "bob", "x-empty": "" };
		for (const [action, entry] of [
			[{ source_cluster: {} }, "source_cluster=me"],
			[{ destination_cluster: {} }, "destination_cluster=there"],
			[{ request_headers: { header_name: "X-User", descriptor_key: "u" } }, "u=bob"],
			[{ request_headers: { header_name: ":path", descriptor_key: "p" } }, "p=/a?q=v&e="],
			[{ query_parameters: { query_parameter_name: "q", descriptor_key: "k" } }, "k=v"],
			[{ remote_address: {} }, "remote_address=10.1.2.3"],
			[{ masked_remote_address: { v4_prefix_mask_len: 16 } }, "masked_remote_address=10.1.0.0/16"],
			[{ generic_key: { descriptor_value: "v" } }, "generic_key=v"],
			[{ generic_key: { descriptor_value: "%REQ(x-user)%-x", descriptor_key: "k" } }, "k=bob-x"],
			[{ generic_key: { descriptor_value: "%REQ(gone)%", default_value: "d" } }, "generic_key=d"],
			[
				{ header_value_match: { descriptor_value: "m", headers: [{ name: "x-user", present_match: true }] } },
				"header_match=m",
			],
			[
				{
					query_parameter_value_match: {
						descriptor_value: "m",
						query_parameters: [{ name: "q", string_match: { exact: "v" } }],
					},
				},
				"query_match=m",
			],
			[
				{
					remote_address_match: {
						descriptor_value: "m",
						address_matcher: { ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }] },
					},
				},
				"remote_address_match=m",
			],
			[{ metadata: { descriptor_key: "k", metadata_key: deep } }, "k=ann"],
			[{ dynamic_metadata: { descriptor_key: "k", metadata_key: gone, default_value: "d" } }, "k=d"],
			[
				{
					metadata: { descriptor_key: "k", metadata_key: { key: "r", path: [{ key: "key" }] }, source: "ROUTE_ENTRY" },
				},
				"k=of-route",
			],
		] as const)
			assert.deepEqual(entries([action as JsonObject], "/a?q=v&e=", headers), [entry], JSON.stringify(action));
		assert.deepEqual(entries([{ masked_remote_address: { v6_prefix_mask_len: 32 } }], "/", {}, "2001:db8:1::5"), [
			"masked_remote_address=2001:db8::/32",
		]);
	});

	test("what is not there leaves no descriptor, or only no entry where that is allowed", () => {
		const key = { generic_key: { descriptor_value: "v" } };
		const header = (skip_if_absent: boolean) => ({
			request_headers: { header_name: "x", descriptor_key: "u", skip_if_absent },
		});
		assert.equal(entries([key, header(false)]), undefined);
		assert.deepEqual(entries([key, header(true)]), ["generic_key=v"]);
		assert.equal(entries([{ metadata: { descriptor_key: "k", metadata_key: gone } }]), undefined);
		const expect = (expect_match: boolean) => ({
			header_value_match: { descriptor_value: "m", expect_match, headers: [{ name: "x", present_match: true }] },
		});
		assert.equal(entries([expect(true)]), undefined);
		assert.deepEqual(entries([expect(false)]), ["header_match=m"]);
	});
});

describe("one rate limit", () => {
	const actions = [{ generic_key: { descriptor_value: "v" } }];

	test("counts in its stage only", () => {
		assert.equal(described({ actions, stage: 3 }).length, 1);
		const into: RateLimitDescriptor[] = [];
		const ctx = { request: testRequest("/"), info: testInfo(), serviceCluster: "", destinationCluster: "" };
		policyOf({ actions, stage: 3 }).describe(0, ctx, into);
		assert.equal(into.length, 0);
	});

	test("may carry a limit and a number of hits", () => {
		const key = { metadata_key: { key: "n", path: [{ key: "limit" }] } };
		assert.deepEqual(described({ actions, limit: { dynamic_metadata: key } })[0]!.limit, {
			requestsPerUnit: 42,
			unit: 3,
		});
		const limit = { rate_limit: { requests_per_unit: 7, unit: "SECOND" } };
		assert.deepEqual(described({ actions, limit })[0]!.limit, { requestsPerUnit: 7, unit: 1 });
		assert.equal(described({ actions, hits_addend: { number: 5 } })[0]!.hitsAddend, 5);
		const format = { actions, hits_addend: { format: "%REQ(x-hits)%" } };
		assert.equal(described(format, "/", { "x-hits": "3" })[0]!.hitsAddend, 3);
		assert.equal(described(format, "/", { "x-hits": "many" })[0], undefined);
	});

	test("what is wrong is told with its path", () => {
		assert.throws(() => policyOf({ stage: 11 }), /l\[0\]\.stage[\s\S]*l\[0\]\.actions/);
		assert.throws(
			() => policyOf({ actions: [{ request_headers: {} }] }),
			/l\[0\]\.actions\[0\]\.request_headers\.header_name/,
		);
		assert.throws(() => policyOf({ actions, hits_addend: { format: "x%REQ(a)%" } }), /l\[0\]\.hits_addend\.format/);
	});
});

test("the virtual host's limits count when the route has none, when included, or never", () => {
	const key = (descriptor_value: string) => ({ actions: [{ generic_key: { descriptor_value } }] });
	const route = (prefix: string, more: JsonObject): JsonObject => ({
		match: { prefix },
		route: { cluster: "c", ...more },
	});
	const table = tableOf({
		name: "r",
		virtual_hosts: [
			{
				name: "v",
				domains: ["*"],
				rate_limits: [key("host")],
				routes: [
					route("/own", { rate_limits: [key("route")] }),
					route("/inc", { rate_limits: [key("route")], include_vh_rate_limits: true }),
					{ match: { prefix: "/direct" }, direct_response: { status: 200 } },
					route("/", {}),
				],
			},
		],
	});
	const values = (path: string, mode: "override" | "include" | "ignore") => {
		const request = testRequest(path);
		const stream = { request, info: testInfo(), route: () => matchOf(table, request) };
		return describeByRoute(mode, 0, stream, "").map(({ entries: all }) => all[0]!.value);
	};
	assert.deepEqual(values("/", "override"), ["host"]);
	assert.deepEqual(values("/own", "override"), ["route"]);
	assert.deepEqual(values("/own", "include"), ["route", "host"]);
	assert.deepEqual(values("/", "ignore"), []);
	assert.deepEqual(values("/inc", "ignore"), ["route", "host"]);
	assert.deepEqual(values("/direct", "include"), []);
});
