import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, fromJson, type JsonObject, toJson } from "@bufbuild/protobuf";
import { ManualClock } from "../../../lib/clock.ts";
import type { ProblemError } from "../../../lib/problem.ts";
import { seededRandom } from "../../../lib/random.ts";
import { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import { AccessLogSchema } from "../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import { NodeSchema } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { StreamAccessLogsMessageSchema } from "../../../xds/generated/envoy/service/accesslog/v3/als_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { HeaderMap } from "../../http/header-map.ts";
import type { SideStreamTarget } from "../../http/side-calls.ts";
import { compileAccessLogs } from "../../router/access-log/access-log.ts";
import { testEnv, testInfo, testRequest } from "../../router/route-fixture.ts";
import { compileLogService } from "./log-service.ts";

const SERVICE = { envoy_grpc: { cluster_name: "logs" }, initial_metadata: [{ key: "X-Token", value: "t" }] };

/** A log to a service that keeps what it gets. */
function setUp(common: JsonObject, more: JsonObject = {}) {
	const clock = new ManualClock(1_000_000);
	const opened: SideStreamTarget[] = [];
	const sent: Uint8Array[] = [];
	const closers: (() => void)[] = [];
	const line = { congested: false };
	const registry = new MetricRegistry();
	const service = {
		clock,
		metrics: registry,
		node: create(NodeSchema, { id: "node-1" }),
		env: testEnv,
		shared: new Map(),
		streams: {
			open(target: SideStreamTarget, onClosed: () => void) {
				opened.push(target);
				closers.push(onClosed);
				return {
					get congested() {
						return line.congested;
					},
					send: (bytes: Uint8Array) => void sent.push(bytes),
					cancel() {},
				};
			},
		},
	};
	const typed_config = {
		"@type": "type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
		common_config: common,
		...more,
	};
	const log = fromJson(AccessLogSchema, { name: "als", typed_config }, { registry: xdsRegistry() });
	const [logger] = compileAccessLogs([log], {
		env: testEnv,
		random: seededRandom(1),
		openSink: () => () => {},
		compileService: (config, at, problems) => compileLogService(config, service, at, problems),
	});
	const messages = () =>
		sent.map((bytes) =>
			toJson(StreamAccessLogsMessageSchema, fromBinary(StreamAccessLogsMessageSchema, bytes.subarray(5)), {
				registry: xdsRegistry(),
			}),
		);
	const counter = (name: string) => registry.scope("access_logs.grpc_access_log.").counter(name).value;
	return { logger: logger!, clock, opened, sent, closers, line, messages, counter };
}

function finished() {
	const info = testInfo({
		startMs: 1000,
		durationMs: 5,
		requestReceivedMs: 1001,
		upstreamAnsweredMs: 1003,
		responseCode: 503,
		responseCodeDetails: "upstream_reset",
		bytesReceived: 3,
		bytesSent: 7,
		upstreamHost: "[::1]:9080",
		upstreamCluster: "c",
		routeName: "r",
	});
	info.responseFlags.add("UF").add("URX");
	const request = testRequest("/x?q", { "user-agent": "curl", "x-a": "1", "x-request-id": "id" });
	const response = { status: 503, headers: HeaderMap.of(["x-b", "2"]) };
	return { info, request, response, trailers: HeaderMap.of(["x-c", "3"]) };
}

test("a finished request is told with everything that is known of it", () => {
	const { logger, clock, opened, sent, messages } = setUp(
		{ log_name: "mine", grpc_service: SERVICE },
		{
			additional_request_headers_to_log: ["X-A", "x-none"],
			additional_response_headers_to_log: ["x-b"],
			additional_response_trailers_to_log: ["x-c"],
		},
	);
	logger.log(finished());
	clock.advance(999);
	assert.equal(sent.length, 0);
	clock.advance(1);
	const [stream] = opened;
	assert.deepEqual(
		[stream!.cluster, stream!.path, stream!.headers.get("x-token"), stream!.headers.get("content-type")],
		["logs", "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs", "t", "application/grpc"],
	);
	const [message] = messages() as [JsonObject & { httpLogs: { logEntry: JsonObject[] } }];
	assert.deepEqual(message.identifier, { node: { id: "node-1" }, logName: "mine" });
	const [entry] = message.httpLogs.logEntry as [{ commonProperties: JsonObject } & JsonObject];
	assert.equal(entry.protocolVersion, "HTTP11");
	assert.deepEqual(entry.request, {
		requestMethod: "GET",
		scheme: "http",
		authority: "host.example",
		path: "/x?q",
		userAgent: "curl",
		requestId: "id",
		requestHeadersBytes: "84",
		requestBodyBytes: "3",
		requestHeaders: { "x-a": "1" },
	});
	assert.deepEqual(entry.response, {
		responseCode: 503,
		responseCodeDetails: "upstream_reset",
		responseHeadersBytes: "14",
		responseBodyBytes: "7",
		responseHeaders: { "x-b": "2" },
		responseTrailers: { "x-c": "3" },
	});
	const { commonProperties: common } = entry;
	assert.deepEqual(common.responseFlags, { upstreamConnectionFailure: true, upstreamRetryLimitExceeded: true });
	assert.deepEqual(common.upstreamRemoteAddress, { socketAddress: { address: "::1", portValue: 9080 } });
	assert.deepEqual(
		[common.timeToLastRxByte, common.timeToFirstUpstreamRxByte, common.duration],
		["0.001s", "0.003s", "0.005s"],
	);
	assert.deepEqual([common.upstreamCluster, common.routeName], ["c", "r"]);
});

test("entries go together, until there are enough bytes", () => {
	const { logger, clock, sent, messages } = setUp({
		log_name: "mine",
		grpc_service: SERVICE,
		buffer_size_bytes: 500,
		buffer_flush_interval: "0.5s",
	});
	for (let i = 0; i < 10; i++) logger.log(finished());
	const early = sent.length;
	assert.ok(early >= 1 && early < 10, `${early}`);
	clock.advance(500);
	const counts = (messages() as { httpLogs: { logEntry: unknown[] } }[]).map(
		({ httpLogs }) => httpLogs.logEntry.length,
	);
	assert.equal(
		counts.reduce((a, b) => a + b, 0),
		10,
	);
	assert.ok(counts[0]! > 1);
});

test("the first message of a stream names who writes; a stream that was closed is opened again with the next entry", () => {
	const { logger, clock, opened, closers, messages } = setUp({ log_name: "mine", grpc_service: SERVICE });
	for (let i = 0; i < 3; i++) {
		logger.log(finished());
		clock.advance(1000);
		if (i === 1) closers[0]!();
	}
	assert.equal(opened.length, 2);
	assert.deepEqual(
		(messages() as JsonObject[]).map(({ identifier }) => identifier !== undefined),
		[true, false, true],
	);
});

test("entries wait for a service that is slow, and are dropped when the buffer is full", () => {
	const { logger, clock, line, sent, counter } = setUp({
		log_name: "mine",
		grpc_service: SERVICE,
		buffer_size_bytes: 500,
	});
	line.congested = true;
	for (let i = 0; i < 10; i++) logger.log(finished());
	clock.advance(1000);
	assert.equal(sent.length, 0);
	assert.ok(counter("logs_dropped") > 0);
	assert.equal(counter("logs_written") + counter("logs_dropped"), 10);
	line.congested = false;
	logger.log(finished());
	assert.ok(sent.length > 0);
});

test("what is wrong is told with its path", () => {
	const paths = (common: JsonObject) => {
		try {
			setUp(common);
			return [];
		} catch (error) {
			return (error as ProblemError).problems.map(({ path }) => path);
		}
	};
	const at = "access_log[0].typed_config.common_config";
	assert.deepEqual(paths({ log_name: "x" }), [`${at}.grpc_service`]);
	assert.deepEqual(paths({ grpc_service: SERVICE }), [`${at}.log_name`]);
	assert.deepEqual(paths({ log_name: "x", grpc_service: { google_grpc: { target_uri: "a", stat_prefix: "b" } } }), [
		`${at}.grpc_service.google_grpc`,
	]);
});
