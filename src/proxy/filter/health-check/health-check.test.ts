import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ProblemError } from "../../../lib/problem.ts";
import { HealthCheckSchema } from "../../../xds/generated/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts";
import type { ClusterLookup } from "../../cluster/cluster.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { TestStream, testDeps } from "../filter-fixture.ts";
import { healthCheckFilter } from "./health-check.ts";

const HEADERS = [{ name: ":path", string_match: { exact: "/healthz" } }];

function setUp(config: JsonObject, failing = () => false) {
	const members = (total: number, healthy: number) => ({
		stats: { membershipTotal: { value: total }, membershipHealthy: { value: healthy } },
	});
	const clusters: Record<string, unknown> = { whole: members(4, 4), half: members(4, 2), empty: members(0, 0) };
	const deps = testDeps({ clusters: { get: (name) => clusters[name] } as ClusterLookup, failing });
	const parsed = healthCheckFilter(deps).parse(fromJson(HealthCheckSchema, { headers: HEADERS, ...config }), "f", "hc");
	return {
		deps,
		call(path = "/healthz", answer = 200) {
			const filter = parsed.create();
			const stream = new TestStream(testRequest(path));
			const outcome = filter.decodeHeaders!(stream, true);
			const status = stream.reply?.status ?? answer;
			const response = { status, headers: stream.encodeWith(filter).headers };
			return { outcome, reply: stream.reply, response, stream };
		},
	};
}

test("checks are answered here, other requests go on", () => {
	const { call } = setUp({ pass_through_mode: false });
	const { reply, response, stream } = call();
	assert.deepEqual([reply?.status, reply?.details, stream.info.healthCheck], [200, "health_check_ok", true]);
	assert.equal(response.headers.get("x-envoy-upstream-healthchecked-cluster"), "test-cluster");
	assert.deepEqual([call("/").outcome, call("/").stream.info.healthCheck], ["pass", false]);
});

test("a check with a body is answered at its end", () => {
	const { deps } = setUp({ pass_through_mode: false });
	const config = fromJson(HealthCheckSchema, { headers: HEADERS, pass_through_mode: false });
	const filter = healthCheckFilter(deps).parse(config, "f", "hc").create();
	const stream = new TestStream(testRequest("/healthz"));
	const replied = () => stream.reply?.status;
	assert.equal(filter.decodeHeaders!(stream, false), "hold");
	assert.equal(filter.decodeData!(stream, new Uint8Array(3)), "taken");
	assert.equal(replied(), undefined);
	filter.decodeEnd!(stream, undefined);
	assert.equal(replied(), 200);
});

test("a proxy that wants no work says so, on every answer", () => {
	const { call } = setUp({ pass_through_mode: true }, () => true);
	assert.deepEqual([call().reply?.status, call().reply?.flag], [503, "LH"]);
	assert.equal(call("/").response.headers.get("x-envoy-immediate-health-check-fail"), "true");
});

test("what the upstream answered counts for the cache time", () => {
	const { deps } = setUp({ pass_through_mode: true, cache_time: "1s" });
	const config = fromJson(HealthCheckSchema, { headers: HEADERS, pass_through_mode: true, cache_time: "1s" });
	const parsed = healthCheckFilter(deps).parse(config, "f", "hc");
	const check = (answer: number) => {
		const filter = parsed.create();
		const stream = new TestStream(testRequest("/healthz"));
		filter.decodeHeaders!(stream, true);
		if (!stream.reply) filter.encodeHeaders!(stream, { status: answer, headers: stream.request.headers }, true);
		return stream.reply?.status;
	};
	assert.equal(check(500), undefined);
	assert.equal(check(200), 500);
	deps.clock.advance(1000);
	assert.equal(check(200), undefined);
});

test("clusters must have their share of healthy endpoints", () => {
	const answer = (shares: JsonObject) =>
		setUp({ pass_through_mode: false, cluster_min_healthy_percentages: shares }).call().reply?.details;
	const share = (value: number) => ({ value });
	assert.equal(answer({ whole: share(100), half: share(50), empty: share(0) }), "health_check_ok_cluster_healthy");
	assert.equal(answer({ half: share(51) }), "health_check_failed_cluster_unhealthy");
	assert.equal(answer({ empty: share(1) }), "health_check_failed_cluster_empty");
	assert.equal(answer({ nobody: share(0) }), "health_check_failed_no_cluster_found");
});

test("a config must say what it does", () => {
	assert.throws(() => setUp({}), ProblemError);
	assert.throws(() => setUp({ pass_through_mode: false, cache_time: "1s" }), ProblemError);
});
