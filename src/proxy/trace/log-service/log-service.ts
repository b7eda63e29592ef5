import { create, toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../../../lib/clock.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { Metrics } from "../../../telemetry/metric-registry.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { AccessLog } from "../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import type { Node } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	type HTTPAccessLogEntry,
	HTTPAccessLogEntrySchema,
} from "../../../xds/generated/envoy/data/accesslog/v3/accesslog_pb.ts";
import {
	type CommonGrpcAccessLogConfig,
	HttpGrpcAccessLogConfigSchema,
} from "../../../xds/generated/envoy/extensions/access_loggers/grpc/v3/als_pb.ts";
import { StreamAccessLogsMessageSchema } from "../../../xds/generated/envoy/service/accesslog/v3/als_pb.ts";
import type { SideCalls } from "../../http/side-calls.ts";
import type { FormatContext } from "../../router/format/format-context.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { CollectorCalls } from "../collector-call.ts";
import { grpcCollector, grpcFrame } from "../grpc-collector.ts";
import { httpEntry, type MoreFields } from "./http-entry.ts";

const STREAM = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
const FLUSH_MS = 1000;
const BUFFER_BYTES = 16384;
/** A batch is a stream of its own; a service that never ends it is not waited for. */
const STREAM_MS = 10_000;

export interface LogServiceDeps {
	readonly clock: Clock;
	readonly calls: SideCalls;
	readonly metrics: Pick<Metrics, "scope">;
	readonly node: Node;
}

/** Compiles a gRPC access logger; undefined: the configuration is of another kind. */
export function compileLogService(
	config: AccessLog["configType"]["value"],
	deps: LogServiceDeps,
	at: FieldPath,
	problems: ProblemList,
): ((ctx: FormatContext) => void) | undefined {
	const http = unpackAs(config, HttpGrpcAccessLogConfigSchema);
	if (!http) return undefined;
	const common = http.commonConfig;
	const service = common?.grpcService;
	if (!common || !service) {
		problems.add("missing", at.field("common_config").field("grpc_service"), "the access log has no service");
		return () => {};
	}
	const where = at.field("common_config");
	if (common.logName === "") problems.add("missing", where.field("log_name"), "the access log has no name");
	const collector = grpcCollector(service, STREAM, where.field("grpc_service"), problems);
	const calls = new CollectorCalls(
		deps.calls,
		{ ...collector, timeoutMs: collector.timeoutMs || STREAM_MS },
		undefined,
	);
	const batch = new EntryBatch(common, deps, calls);
	const more: MoreFields = {
		request: http.additionalRequestHeadersToLog.map((name) => name.toLowerCase()),
		response: http.additionalResponseHeadersToLog.map((name) => name.toLowerCase()),
		trailers: http.additionalResponseTrailersToLog.map((name) => name.toLowerCase()),
	};
	return (ctx) => batch.add(httpEntry(ctx, more));
}

/** Entries on their way: sent when there are enough bytes, at the latest when the interval is over. */
class EntryBatch {
	readonly #deps: LogServiceDeps;
	readonly #calls: CollectorCalls;
	readonly #logName: string;
	readonly #flushMs: number;
	readonly #maxBytes: number;
	readonly #written: { inc(): void };
	#entries: HTTPAccessLogEntry[] = [];
	#bytes = 0;
	#cancelTimer: (() => void) | undefined;

	constructor(common: CommonGrpcAccessLogConfig, deps: LogServiceDeps, calls: CollectorCalls) {
		this.#deps = deps;
		this.#calls = calls;
		this.#logName = common.logName;
		this.#flushMs = common.bufferFlushInterval ? durationMs(common.bufferFlushInterval) : FLUSH_MS;
		this.#maxBytes = common.bufferSizeBytes ?? BUFFER_BYTES;
		this.#written = deps.metrics.scope("access_logs.grpc_access_log.").counter("logs_written");
	}

	add(entry: HTTPAccessLogEntry): void {
		this.#written.inc();
		this.#entries.push(entry);
		this.#bytes += toBinary(HTTPAccessLogEntrySchema, entry).length;
		if (this.#bytes >= this.#maxBytes) this.#flush();
		else this.#cancelTimer ??= this.#deps.clock.after(this.#flushMs, () => this.#flush());
	}

	#flush(): void {
		this.#cancelTimer?.();
		this.#cancelTimer = undefined;
		const message = create(StreamAccessLogsMessageSchema, {
			identifier: { node: this.#deps.node, logName: this.#logName },
			logEntries: { case: "httpLogs", value: { logEntry: this.#entries } },
		});
		this.#entries = [];
		this.#bytes = 0;
		const frame = grpcFrame(toBinary(StreamAccessLogsMessageSchema, message));
		this.#calls.post(frame, "application/grpc", (status) => status === 200);
	}
}
