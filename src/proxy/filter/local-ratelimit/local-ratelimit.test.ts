import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { LocalRateLimitSchema } from "../../../xds/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { routeWith, TestStream, testDeps } from "../filter-fixture.ts";
import { localRateLimitFilter } from "./local-ratelimit.ts";

const NAME = "envoy.filters.http.local_ratelimit";
const ALWAYS = { default_value: { numerator: 100 } };
const bucket = (max_tokens: number, fill_interval = "60s"): JsonObject => ({ max_tokens, fill_interval });

function setUp(config: JsonObject, perRoute?: JsonObject) {
	const deps = testDeps();
	const factory = localRateLimitFilter(deps);
	const base = { stat_prefix: "p", filter_enabled: ALWAYS, filter_enforced: ALWAYS, ...config };
	const filters = factory.parse(fromJson(LocalRateLimitSchema, base), "f", NAME);
	const own = perRoute && { "@type": factory.typeUrl, ...base, ...perRoute };
	const route = routeWith(NAME, own, factory);
	const run = (headers: Record<string, string> = {}, stream = new TestStream(testRequest("/", headers), route)) => {
		const filter = filters.create();
		filter.decodeHeaders!(stream, true);
		const { headers: sent } = stream.encodeWith(filter);
		const limit = ["limit", "remaining", "reset"].map((word) => sent.get(`x-ratelimit-${word}`));
		return { stream, status: stream.reply?.status ?? 200, limit };
	};
	const stats = deps.registry.scope("p.http_local_rate_limit.");
	return { run, deps, count: (name: string) => stats.counter(name).value };
}

test("a request takes a token; without one it is answered here", () => {
	const { run, deps, count } = setUp({ token_bucket: bucket(2), enable_x_ratelimit_headers: "DRAFT_VERSION_03" });
	assert.deepEqual(run().limit, ["2", "1", "0"]);
	assert.deepEqual(run().limit, ["2", "0", "60"]);
	const { stream, limit } = run();
	const { status, body, flag, details } = stream.reply!;
	assert.deepEqual([status, body, flag, details], [429, "local_rate_limited", "RL", "local_rate_limited"]);
	assert.deepEqual(limit, ["2", "0", "60"]);
	deps.clock.advance(59_999);
	assert.equal(run().status, 429);
	deps.clock.advance(1);
	assert.equal(run().status, 200);
	assert.deepEqual(["enabled", "ok", "rate_limited", "enforced"].map(count), [5, 3, 2, 2]);
});

test("how it answers is configured", () => {
	const { run } = setUp({
		token_bucket: bucket(1),
		status: { code: 503 },
		rate_limited_as_resource_exhausted: true,
		enable_retry_after_header: true,
		response_headers_to_add: [{ header: { key: "x-why", value: "%REQ(x-user)%" } }],
	});
	run();
	const { reply } = run({ "x-user": "ann" }).stream;
	assert.deepEqual([reply!.status, reply!.grpcStatus], [503, 8]);
	assert.deepEqual(reply!.headers, [
		["x-why", "ann"],
		["retry-after", "60"],
	]);
	const { run: redirected } = setUp({ token_bucket: bucket(1), status: { code: 302 } });
	redirected();
	assert.equal(redirected().status, 429);
});

test("off, or only counted", () => {
	const off = setUp({ token_bucket: bucket(1), filter_enabled: { default_value: { numerator: 0 } } });
	assert.deepEqual([off.run().status, off.run().status, off.count("enabled")], [200, 200, 0]);
	const counted = setUp({
		token_bucket: bucket(1),
		filter_enforced: { default_value: { numerator: 0 } },
		request_headers_to_add_when_not_enforced: [{ header: { key: "x-limited", value: "1" } }],
	});
	counted.run();
	const { stream, status } = counted.run();
	assert.deepEqual([status, stream.request.headers.get("x-limited")], [200, "1"]);
	assert.deepEqual([counted.count("rate_limited"), counted.count("enforced")], [1, 0]);
});

describe("descriptors", () => {
	const byUser = { actions: [{ request_headers: { header_name: "x-user", descriptor_key: "user" } }] };
	const limit = (value: string, tokens: number, more: JsonObject = {}): JsonObject => ({
		entries: [{ key: "user", value }],
		token_bucket: bucket(tokens),
		...more,
	});
	const config = (more: JsonObject): JsonObject => ({
		token_bucket: bucket(3),
		enable_x_ratelimit_headers: "DRAFT_VERSION_03",
		rate_limits: [byUser],
		...more,
	});
	const ann = { "x-user": "ann" };

	test("have buckets of their own, beside the default one", () => {
		const { run } = setUp(config({ descriptors: [limit("ann", 1)] }));
		assert.deepEqual(run(ann).limit, ["1", "0", "60"]);
		assert.equal(run(ann).status, 429);
		assert.deepEqual(run().limit, ["3", "1", "0"]);
	});

	test("may spare the default bucket", () => {
		const { run } = setUp(config({ descriptors: [limit("ann", 2)], always_consume_default_token_bucket: false }));
		run(ann);
		run(ann);
		assert.deepEqual(run().limit, ["3", "2", "0"]);
	});

	test("with an open value: a bucket for each value, exact ones first, only so many", () => {
		const { run } = setUp(
			config({ token_bucket: bucket(99), descriptors: [limit("", 1), limit("ann", 2)], max_dynamic_descriptors: 2 }),
		);
		assert.deepEqual(run(ann).limit, ["2", "1", "0"]);
		for (const user of ["bob", "eve"]) assert.equal(run({ "x-user": user }).status, 200);
		for (const user of ["bob", "eve"]) assert.equal(run({ "x-user": user }).status, 429);
		run({ "x-user": "tom" });
		assert.equal(run({ "x-user": "bob" }).status, 200);
	});

	test("in shadow mode only count", () => {
		const { run, count } = setUp(config({ descriptors: [limit("ann", 1, { shadow_mode: true })] }));
		run(ann);
		assert.equal(run(ann).status, 200);
		assert.deepEqual([count("shadow_mode"), count("rate_limited"), count("ok")], [1, 1, 1]);
	});
});

test("a route's limits take the place of the listener's", () => {
	const { run } = setUp({}, { token_bucket: bucket(1) });
	assert.deepEqual([run().status, run().status], [200, 429]);
	assert.throws(() => setUp({}, {}), /token_bucket/);
});

test("each connection may have its own buckets", () => {
	const { run } = setUp({ token_bucket: bucket(1), local_rate_limit_per_downstream_connection: true });
	const first = new TestStream(testRequest("/"));
	assert.equal(run({}, first).status, 200);
	assert.equal(run({}, first).status, 429);
	assert.equal(run({}, new TestStream(testRequest("/"))).status, 200);
});

test("what is wrong is told with its path", () => {
	assert.throws(() => setUp({ stat_prefix: "", stage: 11 }), /f\.stat_prefix[\s\S]*f\.stage/);
	assert.throws(
		() => setUp({ token_bucket: bucket(0, "0.01s") }),
		/f\.token_bucket\.max_tokens[\s\S]*f\.token_bucket\.fill_interval/,
	);
	assert.throws(() => setUp({ descriptors: [{}] }), /f\.descriptors\[0\]\.entries/);
});
