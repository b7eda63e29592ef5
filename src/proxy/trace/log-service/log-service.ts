import { create, toBinary } from "@bufbuild/protobuf";
import type { Clock } from "../../../lib/clock.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { Metrics } from "../../../telemetry/metric-registry.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { AccessLog } from "../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import type { Node } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { ApiVersion } from "../../../xds/generated/envoy/config/core/v3/config_source_pb.ts";
import {
	type HTTPAccessLogEntry,
	HTTPAccessLogEntrySchema,
	type TCPAccessLogEntry,
	TCPAccessLogEntrySchema,
} from "../../../xds/generated/envoy/data/accesslog/v3/accesslog_pb.ts";
import {
	type CommonGrpcAccessLogConfig,
	CommonGrpcAccessLogConfigSchema,
	HttpGrpcAccessLogConfigSchema,
	TcpGrpcAccessLogConfigSchema,
} from "../../../xds/generated/envoy/extensions/access_loggers/grpc/v3/als_pb.ts";
import {
	type StreamAccessLogsMessage,
	StreamAccessLogsMessageSchema,
} from "../../../xds/generated/envoy/service/accesslog/v3/als_pb.ts";
import type { SideStreams } from "../../http/side-calls.ts";
import type { FormatContext, FormatEnvironment } from "../../router/format/format-context.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { grpcCollector } from "../grpc-collector.ts";
import { EntryBatch } from "./entry-batch.ts";
import { httpEntry, tcpEntry } from "./http-entry.ts";
import { parseExtras, parseLimits } from "./log-settings.ts";
import { MessageStream, parseStreamRetries } from "./message-stream.ts";

const STREAM = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";

export interface LogServiceDeps {
	readonly clock: Clock;
	readonly streams: SideStreams;
	readonly metrics: Pick<Metrics, "scope">;
	readonly node: Node;
	readonly env: FormatEnvironment;
	/** Streams by what they were configured with: loggers that are configured alike share one. */
	readonly shared: Map<string, EntryBatch<never>>;
}

/** Compiles a gRPC access logger; undefined: the configuration is of another kind. */
export function compileLogService(
	config: AccessLog["configType"]["value"],
	deps: LogServiceDeps,
	at: FieldPath,
	problems: ProblemList,
): ((ctx: FormatContext) => void) | undefined {
	const where = at.field("common_config");
	const http = unpackAs(config, HttpGrpcAccessLogConfigSchema);
	if (http) {
		const service = compileCommon(http.commonConfig, deps, where, problems);
		const more = {
			request: http.additionalRequestHeadersToLog.map((name) => name.toLowerCase()),
			response: http.additionalResponseHeadersToLog.map((name) => name.toLowerCase()),
			trailers: http.additionalResponseTrailersToLog.map((name) => name.toLowerCase()),
		};
		if (!service) return ignore;
		const batch = service.batchOf<HTTPAccessLogEntry>("http", HTTPAccessLogEntrySchema, (logEntry) => ({
			case: "httpLogs",
			value: { logEntry },
		}));
		return (ctx) => batch.add(httpEntry(ctx, more, service.extras));
	}
	const tcp = unpackAs(config, TcpGrpcAccessLogConfigSchema);
	if (!tcp) return undefined;
	const service = compileCommon(tcp.commonConfig, deps, where, problems);
	if (!service) return ignore;
	const batch = service.batchOf<TCPAccessLogEntry>("tcp", TCPAccessLogEntrySchema, (logEntry) => ({
		case: "tcpLogs",
		value: { logEntry },
	}));
	return (ctx) => batch.add(tcpEntry(ctx, service.extras));
}

const ignore = (): void => {};

type Entries = StreamAccessLogsMessage["logEntries"];
type EntrySchema = typeof HTTPAccessLogEntrySchema | typeof TCPAccessLogEntrySchema;

function compileCommon(
	common: CommonGrpcAccessLogConfig | undefined,
	deps: LogServiceDeps,
	at: FieldPath,
	problems: ProblemList,
) {
	const service = common?.grpcService;
	if (!common || !service) {
		problems.add("missing", at.field("grpc_service"), "the access log has no service");
		return undefined;
	}
	if (common.logName === "") problems.add("missing", at.field("log_name"), "the access log has no name");
	if (common.transportApiVersion === ApiVersion.V2)
		problems.add("invalid", at.field("transport_api_version"), "the transport API version V2 is gone", "set V3");
	const collector = grpcCollector(service, STREAM, at.field("grpc_service"), problems);
	const retries = parseStreamRetries(common.grpcStreamRetryPolicy, at.field("grpc_stream_retry_policy"), problems);
	const limits = parseLimits(common, at, problems);
	const extras = parseExtras(common, deps.env, at, problems);
	if (deps.env.metering) deps.env.metering.wanted = true;
	const open = () => new MessageStream(deps.streams, collector, retries);
	return {
		extras,
		/** The batch of loggers with this configuration. */
		batchOf<Entry extends HTTPAccessLogEntry | TCPAccessLogEntry>(
			kind: string,
			schema: EntrySchema,
			wrap: (entries: Entry[]) => unknown,
		): EntryBatch<Entry> {
			const key = `${kind} ${toBinary(CommonGrpcAccessLogConfigSchema, common).join()}`;
			const known = deps.shared.get(key) as unknown as EntryBatch<Entry> | undefined;
			if (known) return known;
			const scope = deps.metrics.scope("access_logs.grpc_access_log.");
			const stream = open();
			const batch = new EntryBatch<Entry>({
				...limits,
				clock: deps.clock,
				written: scope.counter("logs_written"),
				dropped: scope.counter("logs_dropped"),
				sizeOf: (entry) => toBinary(schema as typeof HTTPAccessLogEntrySchema, entry as HTTPAccessLogEntry).length,
				send: (entries) =>
					stream.send(
						encodeMessage(
							stream.open ? undefined : { node: deps.node, logName: common.logName },
							wrap([...entries]) as Entries,
						),
					),
			});
			deps.shared.set(key, batch as unknown as EntryBatch<never>);
			return batch;
		},
	};
}

/** The first message of a stream names who writes. */
function encodeMessage(identifier: { node: Node; logName: string } | undefined, logEntries: Entries): Uint8Array {
	const message = create(StreamAccessLogsMessageSchema, { logEntries, ...(identifier && { identifier }) });
	return toBinary(StreamAccessLogsMessageSchema, message);
}
