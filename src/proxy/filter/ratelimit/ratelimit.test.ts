import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, fromBinary, fromJson, type JsonObject, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { RateLimitSchema } from "../../../xds/generated/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.ts";
import {
	RateLimitResponse_Code as Code,
	RateLimitRequestSchema,
	RateLimitResponseSchema,
} from "../../../xds/generated/envoy/service/ratelimit/v3/rls_pb.ts";
import { HeaderMap } from "../../http/header-map.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { routeWith, TestStream, testClusters, testDeps } from "../filter-fixture.ts";
import { rateLimitFilter } from "./ratelimit.ts";

const NAME = "envoy.filters.http.ratelimit";
const SERVICE: JsonObject = {
	domain: "dom",
	rate_limit_service: { grpc_service: { envoy_grpc: { cluster_name: "rls" } }, transport_api_version: "V3" },
};
const OWN = { rate_limits: [{ actions: [{ request_headers: { header_name: "x-user", descriptor_key: "user" } }] }] };

type Response = MessageInitShape<typeof RateLimitResponseSchema>;

function setUp(config: JsonObject, perRoute?: JsonObject) {
	const charged: number[] = [];
	const cluster = { name: "c", stats: { countStatus: (status: number) => charged.push(status) } };
	const deps = testDeps({
		clusters: { get: (name) => (name === "c" ? (cluster as never) : testClusters({}).get(name)) },
	});
	const factory = rateLimitFilter(deps);
	const filters = factory.parse(fromJson(RateLimitSchema, { ...SERVICE, ...OWN, ...config }), "f", NAME);
	const route = routeWith(NAME, perRoute && { "@type": factory.routeTypeUrl!, ...perRoute }, factory);
	const begin = (headers: Record<string, string> = { "x-user": "ann" }) => {
		const stream = new TestStream(testRequest("/", headers), route);
		const filter = filters.create();
		return { stream, filter, outcome: filter.decodeHeaders!(stream, true) };
	};
	const answer = (response: Response) => {
		const message = toBinary(RateLimitResponseSchema, create(RateLimitResponseSchema, response));
		const body = new Uint8Array(5 + message.length);
		new DataView(body.buffer).setUint32(1, message.length);
		body.set(message, 5);
		const head = HeaderMap.of(["content-type", "application/grpc"]);
		deps.sideCalls.answer({
			kind: "answer",
			status: 200,
			headers: head,
			body,
			trailers: HeaderMap.of(["grpc-status", "0"]),
		});
	};
	const asked = () => fromBinary(RateLimitRequestSchema, deps.sideCalls.requests.at(-1)!.body.subarray(5));
	const stats = deps.registry.scope("cluster.c.");
	return { begin, answer, asked, calls: deps.sideCalls, charged, count: (name: string) => stats.counter(name).value };
}

const header = (key: string, value: string) => ({ key, value });
const OVER: Response = {
	overallCode: Code.OVER_LIMIT,
	responseHeadersToAdd: [header("X-Why", "w")],
	rawBody: new TextEncoder().encode("slow down"),
	statuses: [
		{
			currentLimit: { requestsPerUnit: 9, unit: 2 },
			limitRemaining: 5,
			durationUntilReset: { seconds: 50n, nanos: 0 },
		},
		{
			code: Code.OVER_LIMIT,
			currentLimit: { requestsPerUnit: 1, unit: 1, name: "n" },
			durationUntilReset: { seconds: 30n, nanos: 9e8 },
		},
		{},
	],
};

test("asks with the request's descriptors", () => {
	const { begin, asked, calls } = setUp({ timeout: "0.3s" });
	assert.equal(begin().outcome, "stop");
	const { domain, descriptors } = asked();
	assert.equal(domain, "dom");
	assert.deepEqual(
		descriptors.map(({ entries }) => entries.map(({ key, value }) => `${key}=${value}`)),
		[["user=ann"]],
	);
	const { path, cluster, timeoutMs } = calls.requests[0]!;
	assert.deepEqual(
		[path, cluster, timeoutMs],
		["/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit", "rls", 300],
	);
});

test("goes on with what the service adds", () => {
	const { begin, answer, count } = setUp({});
	const { stream, filter } = begin();
	answer({
		overallCode: Code.OK,
		responseHeadersToAdd: [header("x-r", "1")],
		requestHeadersToAdd: [header("X-Q", "2")],
		dynamicMetadata: { a: 1 },
	});
	assert.deepEqual([stream.continued, stream.request.headers.get("x-q"), count("ratelimit.ok")], [1, "2", 1]);
	assert.equal(stream.encodeWith(filter).headers.get("x-r"), "1");
	assert.deepEqual(stream.info.dynamicMetadata.get(NAME), { a: 1 });
});

describe("over the limit", () => {
	test("429 with the service's body and headers", () => {
		const { begin, answer, count, charged } = setUp({
			enable_x_ratelimit_headers: "DRAFT_VERSION_03",
			enable_retry_after_header: true,
			response_headers_to_add: [{ header: { key: "x-add", value: "%REQ(x-user)%" } }],
		});
		const { stream } = begin();
		answer(OVER);
		const { status, body, flag, details, headers } = stream.reply!;
		assert.deepEqual([status, body, flag, details], [429, "slow down", "RL", "request_rate_limited"]);
		assert.deepEqual(headers, [
			["x-why", "w"],
			["x-envoy-ratelimited", "true"],
			["x-ratelimit-limit", '1, 9;w=60, 1;w=1;name="n"'],
			["x-ratelimit-remaining", "0"],
			["x-ratelimit-reset", "30"],
			["retry-after", "30"],
			["x-add", "ann"],
		]);
		assert.deepEqual([count("ratelimit.over_limit"), charged], [1, [429]]);
	});

	test("or as configured", () => {
		const { begin, answer, count } = setUp({
			rate_limited_status: { code: 503 },
			rate_limited_as_resource_exhausted: true,
			disable_x_envoy_ratelimited_header: true,
			stat_prefix: "p",
		});
		const { stream } = begin();
		answer({ overallCode: Code.OVER_LIMIT });
		const { status, grpcStatus, headers } = stream.reply!;
		assert.deepEqual([status, grpcStatus, headers, count("ratelimit.p.over_limit")], [503, 8, [], 1]);
	});

	test("only counted, when not enforced", () => {
		const { begin, answer, count } = setUp({ filter_enforced: { default_value: { numerator: 0 } } });
		const { stream } = begin();
		answer(OVER);
		assert.deepEqual([stream.continued, stream.reply, count("ratelimit.over_limit")], [1, undefined, 1]);
	});
});

test("a service that fails lets requests through, unless the config says otherwise", () => {
	const fail = { kind: "failed", reason: "timeout", detail: "" } as const;
	const open = setUp({});
	const { stream } = open.begin();
	open.calls.answer(fail);
	assert.equal(stream.continued, 1);
	assert.deepEqual([open.count("ratelimit.error"), open.count("ratelimit.failure_mode_allowed")], [1, 1]);
	const closed = setUp({ failure_mode_deny: true, status_on_error: { code: 504 } });
	const { stream: refused } = closed.begin();
	closed.calls.answer(fail);
	const { status, flag, details } = refused.reply!;
	assert.deepEqual([status, flag, details], [504, "RLSE", "rate_limiter_error"]);
});

describe("does not ask", () => {
	const outcome = (config: JsonObject, perRoute?: JsonObject, headers?: Record<string, string>) =>
		setUp(config, perRoute).begin(headers).outcome;

	test("without descriptors, in another stage, about other requests, when off", () => {
		assert.equal(outcome({}, undefined, {}), "pass");
		assert.equal(outcome({ stage: 3 }), "pass");
		assert.equal(outcome({ request_type: "internal" }), "pass");
		assert.equal(
			outcome({ request_type: "internal" }, undefined, { "x-user": "a", "x-envoy-internal": "true" }),
			"stop",
		);
		assert.equal(
			outcome({ request_type: "external" }, undefined, { "x-user": "a", "x-envoy-internal": "true" }),
			"pass",
		);
		assert.equal(outcome({ filter_enabled: { default_value: { numerator: 0 } } }), "pass");
	});
});

test("a route may have another domain and limits of its own", () => {
	const key = { actions: [{ generic_key: { descriptor_value: "route" } }] };
	const { begin, asked } = setUp({}, { domain: "other", rate_limits: [{ ...key, hits_addend: { number: 3 } }] });
	begin();
	const { domain, descriptors } = asked();
	assert.deepEqual([domain, descriptors[0]!.entries[0]!.value, descriptors[0]!.hitsAddend], ["other", "route", 3n]);
});

test("a stream that ended gives the question up", () => {
	const { begin, calls } = setUp({});
	const { stream, filter } = begin();
	filter.onStreamEnd!(stream);
	assert.equal(calls.cancelled, 1);
});

test("what is wrong is told with its path", () => {
	const bad = { domain: "", stage: 11, request_type: "all", rate_limit_service: {} };
	assert.throws(
		() => setUp(bad),
		/f\.domain[\s\S]*f\.stage[\s\S]*f\.rate_limit_service\.grpc_service[\s\S]*f\.request_type/,
	);
});
