import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ProblemError } from "../../../lib/problem.ts";
import { HTTPFaultSchema } from "../../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { routeWith, TestStream, testDeps } from "../filter-fixture.ts";
import { faultFilter } from "./fault.ts";

const NAME = "envoy.filters.http.fault";
const ALL = { numerator: 100 };
const ABORT: JsonObject = { http_status: 555, percentage: ALL };

function setUp(perRoute: JsonObject | undefined, listener: JsonObject = {}) {
	const deps = testDeps();
	const factory = faultFilter(deps);
	const config = fromJson(HTTPFaultSchema, listener, { registry: xdsRegistry() });
	const filter = factory.parse(config, "f", NAME);
	const route = routeWith(NAME, perRoute && { "@type": factory.typeUrl, ...perRoute }, factory);
	return {
		deps,
		start(headers: Record<string, string> = {}) {
			const stream = new TestStream(testRequest("/", headers), route);
			const instance = filter.create();
			return { stream, instance, answer: instance.decodeHeaders!(stream, true) };
		},
	};
}

test("an abort answers with its status, Envoy's body and flag FI", () => {
	const { deps, start } = setUp({ abort: ABORT });
	const { stream, answer } = start();
	assert.equal(answer, "stop");
	assert.deepEqual(stream.reply, {
		status: 555,
		body: "fault filter abort",
		flag: "FI",
		details: "fault_filter_abort",
	});
	assert.deepEqual([...stream.info.responseFlags], ["FI"]);
	assert.equal(deps.count("fault.aborts_injected"), 1);
});

test("a gRPC abort is a 200 with the status for gRPC clients", () => {
	const { start } = setUp({ abort: { grpc_status: 14, percentage: ALL } });
	const { reply } = start().stream;
	assert.deepEqual([reply?.status, reply?.body, reply?.grpcStatus], [200, "fault filter abort", 14]);
});

test("a delay holds the request and lets it go on", () => {
	const { deps, start } = setUp({ delay: { fixed_delay: "7s", percentage: ALL } });
	const { stream, answer } = start();
	assert.equal(answer, "stop");
	deps.clock.advance(6999);
	assert.equal(stream.continued, 0);
	deps.clock.advance(1);
	assert.equal(stream.continued, 1);
	assert.deepEqual([...stream.info.responseFlags], ["DI"]);
	assert.equal(deps.count("fault.delays_injected"), 1);
});

test("a delay comes before an abort", () => {
	const { deps, start } = setUp({ delay: { fixed_delay: "1s", percentage: ALL }, abort: ABORT });
	const { stream } = start();
	assert.equal(stream.reply?.status, undefined);
	deps.clock.advance(1000);
	assert.equal(stream.reply?.status, 555);
	assert.equal(stream.continued, 0);
	assert.deepEqual([...stream.info.responseFlags], ["DI", "FI"]);
});

test("a client that goes away during the delay ends it", () => {
	const { deps, start } = setUp({ delay: { fixed_delay: "1s", percentage: ALL } });
	const { stream, instance } = start();
	instance.onStreamEnd!(stream);
	deps.clock.advance(2000);
	assert.equal(stream.continued, 0);
});

describe("shares", () => {
	test("a missing percentage means nobody", () => {
		const { start } = setUp({ abort: { http_status: 500 } });
		assert.equal(start().answer, "continue");
	});

	test("delay and abort are drawn independently", () => {
		const { start } = setUp({
			delay: { fixed_delay: "1s", percentage: { numerator: 50 } },
			abort: { http_status: 500, percentage: { numerator: 20_000, denominator: "MILLION" } },
		});
		let delayed = 0;
		let aborted = 0;
		for (let i = 0; i < 5000; i++) {
			const { stream, answer } = start();
			if (stream.reply) aborted++;
			else if (answer === "stop") delayed++;
		}
		assert.ok(Math.abs(delayed - 2500) < 150, `${delayed}`);
		assert.ok(Math.abs(aborted - 50) < 30, `${aborted}`);
	});
});

test("only requests with the headers, on the way to the cluster, and no more than the limit at once", () => {
	const byHeader = setUp({ abort: ABORT, headers: [{ name: "end-user", exact_match: "jason" }] });
	assert.equal(byHeader.start({ "end-user": "jason" }).answer, "stop");
	assert.equal(byHeader.start().answer, "continue");
	assert.equal(setUp({ abort: ABORT, upstream_cluster: "c" }).start().answer, "stop");
	assert.equal(setUp({ abort: ABORT, upstream_cluster: "other" }).start().answer, "continue");
	const limited = setUp({ delay: { fixed_delay: "1s", percentage: ALL }, max_active_faults: 1 });
	const first = limited.start();
	assert.equal(limited.start().answer, "continue");
	assert.equal(limited.deps.count("fault.faults_overflow"), 1);
	first.instance.onStreamEnd!(first.stream);
	assert.equal(limited.start().answer, "stop");
});

test("the route's config takes the place of the listener's", () => {
	assert.equal(setUp(undefined, { abort: ABORT }).start().answer, "stop");
	assert.equal(setUp({}, { abort: ABORT }).start().answer, "continue");
});

test("what is wrong is told with its path", () => {
	const factory = faultFilter(testDeps());
	const config = (json: JsonObject) => fromJson(HTTPFaultSchema, json, { registry: xdsRegistry() });
	const bad = config({ delay: { fixed_delay: "0s" }, abort: { http_status: 99 }, headers: [{ string_match: {} }] });
	assert.throws(
		() => factory.parseRoute!(bad, "routes[0].fault"),
		(error: unknown) => {
			assert.deepEqual(
				(error as ProblemError).problems.map((p) => p.path),
				[
					"routes[0].fault.delay.fixed_delay",
					"routes[0].fault.abort.http_status",
					"routes[0].fault.headers[0].name",
					"routes[0].fault.headers[0].string_match",
				],
			);
			return true;
		},
	);
	assert.throws(() => factory.parse(create(HTTPFaultSchema, { delay: {}, abort: {} }), "f", NAME), ProblemError);
});

test("headers name delay and status, and lower the share", () => {
	const { deps, start } = setUp({
		delay: { header_delay: {}, percentage: ALL },
		abort: { header_abort: {}, percentage: ALL },
	});
	assert.equal(start().answer, "continue");
	const { stream } = start({ "x-envoy-fault-delay-request": "200", "x-envoy-fault-abort-request": "418" });
	deps.clock.advance(200);
	assert.equal(stream.reply?.status, 418);
	const spared = { "x-envoy-fault-abort-request": "418", "x-envoy-fault-abort-request-percentage": "0" };
	assert.equal(start(spared).answer, "continue");
	const grpc = start({ "x-envoy-fault-abort-grpc-request": "5", "content-type": "application/grpc" });
	assert.equal(grpc.stream.reply?.grpcStatus, 5);
	assert.equal(start({ "x-envoy-fault-abort-request": "199" }).answer, "continue");
});

test("only the named nodes are hit, and the callers' clusters are counted", () => {
	const { deps, start } = setUp({ abort: ABORT, downstream_nodes: ["n1"] });
	assert.equal(start().answer, "continue");
	const caller = { "x-envoy-downstream-service-node": "n1", "x-envoy-downstream-service-cluster": "web" };
	assert.equal(start(caller).answer, "stop");
	assert.equal(deps.count("fault.web.aborts_injected"), 1);
	setUp({ abort: ABORT, disable_downstream_cluster_stats: true }).start(caller);
	assert.equal(deps.count("fault.web.aborts_injected"), 1);
});

test("a fault leaves its metadata", () => {
	const { stream } = setUp({ abort: ABORT, filter_metadata: { why: "test" } }).start();
	assert.deepEqual(stream.info.dynamicMetadata.get(NAME), { why: "test" });
});
