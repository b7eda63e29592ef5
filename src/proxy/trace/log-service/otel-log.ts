import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Clock } from "../../../lib/clock.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { Metrics } from "../../../telemetry/metric-registry.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { AccessLog } from "../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import type { Node } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	type OpenTelemetryAccessLogConfig,
	OpenTelemetryAccessLogConfigSchema,
} from "../../../xds/generated/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts";
import { ExportLogsServiceRequestSchema } from "../../../xds/generated/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import type { KeyValue } from "../../../xds/generated/opentelemetry/proto/common/v1/common_pb.ts";
import { type LogRecord, LogRecordSchema } from "../../../xds/generated/opentelemetry/proto/logs/v1/logs_pb.ts";
import type { SideCalls } from "../../http/side-calls.ts";
import { checkFormatters } from "../../router/access-log/log-format.ts";
import type { FormatContext, FormatEnvironment } from "../../router/format/format-context.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { CollectorCalls } from "../collector-call.ts";
import { grpcCollector, grpcFrame } from "../grpc-collector.ts";
import { parseHttpService } from "../http-service.ts";
import { bytesOf } from "../otel/otlp-message.ts";
import { detectedAttributes } from "../otel/otlp-resource.ts";
import { EntryBatch } from "./entry-batch.ts";
import { type EntryExtras, parseExtras, parseLimits, stateOf, tagsOf } from "./log-settings.ts";
import { compileAnyValue, compileKeyValues } from "./otel-template.ts";

const EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

export interface OtelLogDeps {
	readonly clock: Clock;
	readonly calls: SideCalls;
	readonly metrics: Pick<Metrics, "scope">;
	readonly node: Node;
	readonly env: FormatEnvironment;
	readonly version: string;
}

type Attributes = MessageInitShape<typeof LogRecordSchema>["attributes"];

/** Compiles an OpenTelemetry access logger, by gRPC or HTTP; undefined: the configuration is of another kind. */
export function compileOtelLog(
	any: AccessLog["configType"]["value"],
	deps: OtelLogDeps,
	at: FieldPath,
	problems: ProblemList,
): ((ctx: FormatContext) => void) | undefined {
	const config = unpackAs(any, OpenTelemetryAccessLogConfigSchema);
	if (!config) return undefined;
	const { env } = deps;
	checkFormatters(config.formatters, at.field("formatters"), problems);
	const body = config.body && compileAnyValue(config.body, env, at.field("body"), problems);
	const attributes = compileKeyValues(config.attributes?.values ?? [], env, at.field("attributes"), problems);
	const extras = parseExtras(config, env, at, problems);
	const post = compileExporter(config, deps, at, problems);
	const resource = resourceOf(config, deps, at, problems);
	const scope = deps.metrics.scope("access_logs.open_telemetry_access_log.");
	const counter = (name: string) => scope.counter(`${config.statPrefix}${name}`);
	const batch = new EntryBatch<LogRecord>({
		// Where the older common settings are, they count alone.
		...parseLimits(config.commonConfig ?? config, at, problems),
		clock: deps.clock,
		written: counter("logs_written"),
		dropped: counter("logs_dropped"),
		sizeOf: (entry) => toBinary(LogRecordSchema, entry).length,
		send(entries) {
			const message = create(ExportLogsServiceRequestSchema, {
				resourceLogs: [{ resource: { attributes: resource }, scopeLogs: [{ logRecords: [...entries] }] }],
			});
			post(toBinary(ExportLogsServiceRequestSchema, message));
			return true;
		},
	});
	return (ctx) => {
		const { info } = ctx;
		const value = body?.(ctx);
		batch.add(
			create(LogRecordSchema, {
				timeUnixNano: BigInt(Math.round(info.startEpochMs * 1000)) * 1000n,
				...(value && { body: value }),
				attributes: [...attributes(ctx), ...extraAttributes(extras, ctx)],
				...(info.trace && {
					traceId: bytesOf(info.trace.traceId.padStart(32, "0")),
					spanId: bytesOf(info.trace.spanId),
				}),
			}),
		);
	};
}

function compileExporter(
	config: OpenTelemetryAccessLogConfig,
	deps: OtelLogDeps,
	at: FieldPath,
	problems: ProblemList,
): (message: Uint8Array) => void {
	const { httpService, commonConfig } = config;
	if (httpService) {
		const collector = parseHttpService(httpService, at.field("http_service"), problems);
		const headers = [["user-agent", `OTel-OTLP-Exporter-Lateen/${deps.version}`] as const, ...collector.headers];
		const calls = new CollectorCalls(deps.calls, { ...collector, headers }, undefined);
		return (message) => calls.post(message, "application/x-protobuf", (status) => status >= 200 && status < 300);
	}
	const service = config.grpcService ?? commonConfig?.grpcService;
	if (!service) {
		problems.add("missing", at, "there is no collector", "set grpc_service or http_service");
		return () => {};
	}
	const where = config.grpcService ? at : at.field("common_config");
	const collector = grpcCollector(service, EXPORT, where.field("grpc_service"), problems);
	// As in Envoy the service's timeout does not hold here; how many calls wait is bounded.
	const calls = new CollectorCalls(deps.calls, { ...collector, timeoutMs: 0 }, undefined);
	return (message) => calls.post(grpcFrame(message), "application/grpc", (status) => status === 200);
}

/** Who logs; of attributes with the same name the later counts, in the place of the first. */
function resourceOf(
	config: OpenTelemetryAccessLogConfig,
	{ node, env }: OtelLogDeps,
	at: FieldPath,
	problems: ProblemList,
): Pick<KeyValue, "key" | "value">[] {
	const found = new Map<string, Pick<KeyValue, "key" | "value">>();
	const add = (key: string, text: string) => found.set(key, textAttribute(key, text) as KeyValue);
	if (!config.disableBuiltinLabels) {
		add("log_name", config.logName || (config.commonConfig?.logName ?? ""));
		add("zone_name", node.locality?.zone ?? "");
		add("cluster_name", node.cluster);
		add("node_name", node.id);
	}
	const environment = (name: string) => env.environment(name);
	for (const [key, value] of detectedAttributes(config.resourceDetectors, environment, at, problems)) add(key, value);
	for (const pair of config.resourceAttributes?.values ?? []) found.set(pair.key, pair);
	return [...found.values()];
}

function extraAttributes(extras: EntryExtras, ctx: FormatContext): NonNullable<Attributes> {
	const state = Object.entries(stateOf(extras, ctx)).map(([key, value]) => textAttribute(key, JSON.stringify(value)));
	return [...state, ...Object.entries(tagsOf(extras, ctx)).map(([key, value]) => textAttribute(key, value))];
}

function textAttribute(key: string, value: string) {
	return { key, value: { value: { case: "stringValue" as const, value } } };
}
