import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromBinary, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../lib/clock.ts";
import { fieldPath } from "../../lib/field-path.ts";
import type { ProblemError } from "../../lib/problem.ts";
import { seededRandom } from "../../lib/random.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { HttpConnectionManager_TracingSchema } from "../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { ExportTraceServiceRequestSchema } from "../../xds/generated/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { HeaderMap } from "../http/header-map.ts";
import type { SideOutcome, SideRequest } from "../http/side-calls.ts";
import { testEnv, testInfo, testRequest } from "../router/route-fixture.ts";
import { RequestTracing } from "./request-spans.ts";
import { compileTracing } from "./tracing-config.ts";

const ID = "a8a2d4c2-7250-4d3a-8b62-bb702f82944e";
const ZIPKIN: JsonObject = {
	name: "zipkin",
	typed_config: {
		"@type": "type.googleapis.com/envoy.config.trace.v3.ZipkinConfig",
		collector_cluster: "c",
		collector_endpoint: "/api/v2/spans",
		collector_endpoint_version: "HTTP_JSON",
	},
};
const OTEL: JsonObject = {
	name: "otel",
	typed_config: {
		"@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
		grpc_service: { envoy_grpc: { cluster_name: "c" }, timeout: "1s" },
		service_name: "svc",
	},
};

/** Tracing with a collector that keeps what it gets and answers when told. */
function setUp(tracing: JsonObject, egress = false) {
	const registry = new MetricRegistry();
	const clock = new ManualClock(1_000_000);
	const random = seededRandom(1);
	const posted: SideRequest[] = [];
	const answers: ((outcome: SideOutcome) => void)[] = [];
	const scope = registry.scope("http.test.");
	const provider = {
		clock,
		random,
		calls: {
			call(request: SideRequest, done: (outcome: SideOutcome) => void) {
				posted.push(request);
				answers.push(done);
				return { cancel() {} };
			},
		},
		metrics: registry,
		node: { cluster: "shop", ip: "10.0.0.1" },
		version: "1.2.3",
		environment: () => undefined,
	};
	const message = fromJson(HttpConnectionManager_TracingSchema, tracing, { registry: xdsRegistry() });
	const requestId = { packReason: true, useForSampling: true };
	const compiled = compileTracing(
		message,
		{ provider, env: testEnv, egress, requestId, defaultProvider: undefined },
		fieldPath("tracing"),
	);
	const traces = new RequestTracing(compiled, {
		clock,
		random,
		counter: (name) => scope.counter(name),
		node: { id: "n", zone: "z" },
		metadataOf: () => ({ ns: { k: "v" } }),
	});
	const request = (headers: Record<string, string> = {}) => {
		const head = testRequest("/p", { "x-request-id": ID, ...headers });
		const info = testInfo({ responseCode: 200, durationMs: 5 });
		const trace = traces.start({ request: head, info, route: () => undefined });
		trace?.onAttempt(head, { cluster: "c", attempt: 1 });
		trace?.onResponse({ status: 200, headers: HeaderMap.of() });
		trace?.finish(head);
		return head.headers;
	};
	const stat = (name: string) => {
		const found = [...registry.stats()].find((entry) => entry.name === name)?.cell;
		return found && "value" in found ? found.value : undefined;
	};
	return { request, posted, answers, clock, stat };
}

test("five spans make a batch, fewer go after five seconds", () => {
	const { request, posted, clock, stat, answers } = setUp({ provider: ZIPKIN });
	for (let i = 0; i < 5; i++) request();
	assert.equal(posted.length, 1);
	request();
	clock.advance(4999);
	assert.equal(posted.length, 1);
	clock.advance(1);
	assert.equal(posted.length, 2);
	const [first, second] = posted.map(({ body }) => JSON.parse(new TextDecoder().decode(body)) as JsonObject[]);
	assert.deepEqual([first?.length, second?.length], [5, 1]);
	assert.deepEqual(first?.[0]?.localEndpoint, { ipv4: "10.0.0.1", port: 0, serviceName: "shop" });
	answers[0]!({ kind: "answer", status: 202, headers: HeaderMap.of(), body: new Uint8Array(), trailers: undefined });
	answers[1]!({ kind: "failed", reason: "timeout", detail: "" });
	assert.deepEqual(
		["spans_sent", "reports_sent", "reports_failed", "timer_flushed"].map((name) => stat(`tracing.zipkin.${name}`)),
		[6, 1, 1, 1],
	);
});

test("a collector that hangs costs spans, not memory", () => {
	const { request, posted, stat } = setUp({ provider: ZIPKIN });
	for (let i = 0; i < 5 * 20; i++) request();
	assert.equal(posted.length, 16);
	assert.equal(stat("tracing.zipkin.reports_dropped"), 4);
});

test("OTLP by gRPC is one framed message", () => {
	const { request, posted } = setUp({ provider: OTEL }, true);
	for (let i = 0; i < 5; i++) request({ traceparent: "00-463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-01" });
	const { path, headers, body, timeoutMs } = posted[0]!;
	assert.equal(path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
	assert.deepEqual([headers.get("content-type"), headers.get("te"), timeoutMs], ["application/grpc", "trailers", 1000]);
	assert.equal(new DataView(body.buffer).getUint32(1), body.length - 5);
	const message = fromBinary(ExportTraceServiceRequestSchema, body.subarray(5));
	const span = message.resourceSpans[0]!.scopeSpans[0]!.spans[0]!;
	assert.equal(Buffer.from(span.parentSpanId).toString("hex"), "a2fb4a1d1a96d312");
	assert.equal(span.flags, 0x301);
});

describe("what upstreams are told", () => {
	test("B3, below what came", () => {
		const { request } = setUp({ provider: ZIPKIN }, true);
		const said = { "x-b3-traceid": "463ac35c9f6413ad", "x-b3-spanid": "a2fb4a1d1a96d312", "x-b3-sampled": "0" };
		const headers = request(said);
		assert.equal(headers.get("x-b3-parentspanid"), said["x-b3-spanid"]);
		assert.equal(headers.get("x-b3-sampled"), "0");
		assert.notEqual(headers.get("x-b3-spanid"), said["x-b3-spanid"]);
	});

	test("a single b3 field stays single", () => {
		const { request } = setUp({ provider: ZIPKIN }, true);
		const headers = request({ b3: "463ac35c9f6413ad-a2fb4a1d1a96d312-1" });
		assert.match(headers.get("b3")!, /^463ac35c9f6413ad-[0-9a-f]{16}-1-a2fb4a1d1a96d312$/);
		assert.equal(headers.has("x-b3-traceid"), false);
	});

	test("both, when there is no provider", () => {
		const { request, posted } = setUp({});
		const first = request();
		assert.match(first.get("x-b3-traceid")!, /^[0-9a-f]{32}$/);
		assert.equal(first.get("traceparent"), `00-${first.get("x-b3-traceid")}-${first.get("x-b3-spanid")}-01`);
		const next = request({ traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" });
		assert.equal(next.get("x-b3-traceid"), "0af7651916cd43dd8448eb211c80319c");
		for (let i = 0; i < 5; i++) request();
		assert.equal(posted.length, 0);
	});

	test("the decision, in the id", () => {
		assert.equal(setUp({ provider: ZIPKIN }).request().get("x-request-id")?.charAt(14), "9");
		const none = setUp({ provider: ZIPKIN, random_sampling: { value: 0 } });
		assert.equal(none.request().get("x-request-id"), ID);
		assert.equal(none.request({ "x-envoy-force-trace": "1" }).get("x-request-id")?.charAt(14), "a");
		assert.equal(none.request({ "x-client-trace-id": "1" }).get("x-request-id")?.charAt(14), "b");
	});
});

test("what is wrong is told with its path", () => {
	const wrong: JsonObject = {
		custom_tags: [{ tag: "", literal: {} }, { tag: "a" }],
		provider: { name: "x", typed_config: { ...(ZIPKIN.typed_config as JsonObject), collector_cluster: "" } },
	};
	assert.throws(
		() => setUp(wrong),
		(error: unknown) => {
			assert.deepEqual(
				(error as ProblemError).problems.map(({ path }) => path),
				[
					"tracing.provider.typed_config.collector_cluster",
					"tracing.custom_tags[0].tag",
					"tracing.custom_tags[0].literal.value",
					"tracing.custom_tags[1]",
				],
			);
			return true;
		},
	);
});
