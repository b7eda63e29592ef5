import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, fromJson, type JsonObject, toJson } from "@bufbuild/protobuf";
import { ManualClock } from "../../../lib/clock.ts";
import { fieldPath } from "../../../lib/field-path.ts";
import { ProblemError } from "../../../lib/problem.ts";
import { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import { AccessLogSchema } from "../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import { NodeSchema } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { ExportLogsServiceRequestSchema } from "../../../xds/generated/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import type { SideRequest } from "../../http/side-calls.ts";
import { ProblemList } from "../../router/problem-list.ts";
import { testEnv, testInfo, testRequest } from "../../router/route-fixture.ts";
import { compileOtelLog } from "./otel-log.ts";

/** A logger to a collector that keeps what it gets. */
function setUp(config: JsonObject) {
	const clock = new ManualClock(1_000_000);
	const posted: SideRequest[] = [];
	const typed_config = {
		"@type": "type.googleapis.com/envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig",
		...config,
	};
	const { configType } = fromJson(AccessLogSchema, { name: "o", typed_config }, { registry: xdsRegistry() });
	const problems = new ProblemList();
	const deps = {
		clock,
		metrics: new MetricRegistry(),
		node: create(NodeSchema, { id: "n", cluster: "c" }),
		env: testEnv,
		version: "1",
		calls: {
			call(request: SideRequest) {
				posted.push(request);
				return { cancel() {} };
			},
		},
	};
	const log = compileOtelLog(configType.value, deps, fieldPath("log"), problems);
	problems.throwIfAny();
	const records = () =>
		posted.map(({ body }) =>
			toJson(ExportLogsServiceRequestSchema, fromBinary(ExportLogsServiceRequestSchema, body.subarray(5))),
		);
	return { log: log!, clock, posted, records };
}

const GRPC = { envoy_grpc: { cluster_name: "otel" } };

test("entries go to the collector together, with body, attributes and who logs", () => {
	const { log, clock, posted, records } = setUp({
		grpc_service: GRPC,
		log_name: "mine",
		body: { string_value: "%REQ(:PATH)% %REQ(none)%" },
		attributes: {
			values: [
				{ key: "a", value: { kvlist_value: { values: [{ key: "b", value: { string_value: "%PROTOCOL%" } }] } } },
			],
		},
	});
	log({ info: testInfo(), request: testRequest("/x") });
	log({ info: testInfo(), request: testRequest("/y") });
	assert.equal(posted.length, 0);
	clock.advance(1000);
	const [message] = records() as {
		resourceLogs: { resource: JsonObject; scopeLogs: { logRecords: JsonObject[] }[] }[];
	}[];
	const [logs] = message!.resourceLogs;
	assert.deepEqual(logs!.resource.attributes, [
		{ key: "log_name", value: { stringValue: "mine" } },
		{ key: "zone_name", value: { stringValue: "" } },
		{ key: "cluster_name", value: { stringValue: "c" } },
		{ key: "node_name", value: { stringValue: "n" } },
	]);
	const { logRecords } = logs!.scopeLogs[0]!;
	assert.deepEqual(
		logRecords.map(({ body }) => body),
		[{ stringValue: "/x -" }, { stringValue: "/y -" }],
	);
	assert.deepEqual(logRecords[0]!.attributes, [
		{ key: "a", value: { kvlistValue: { values: [{ key: "b", value: { stringValue: "HTTP/1.1" } }] } } },
	]);
});

test("values that are no text, and a missing collector, are told with their paths", () => {
	const paths = (config: JsonObject) => {
		try {
			setUp(config);
			return [];
		} catch (error) {
			assert.ok(error instanceof ProblemError);
			return error.problems.map(({ path }) => path);
		}
	};
	assert.deepEqual(paths({}), ["log"]);
	assert.deepEqual(paths({ grpc_service: GRPC, body: { int_value: "1" } }), ["log.body"]);
	assert.deepEqual(
		paths({ grpc_service: GRPC, attributes: { values: [{ key: "a", value: { string_value: "%NO%" } }] } }),
		["log.attributes.values[0].value.string_value"],
	);
});
