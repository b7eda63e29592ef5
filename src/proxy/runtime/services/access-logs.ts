import { fieldPath } from "../../../lib/field-path.ts";
import { VERSION } from "../../../lib/names.ts";
import type { AccessLog } from "../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import type { SideCalls, SideStreams } from "../../http/side-calls.ts";
import { type AccessLogger, compileAccessLogs } from "../../router/access-log/access-log.ts";
import type { FormatContext, FormatEnvironment } from "../../router/format/format-context.ts";
import { compileLogService, type LogServiceDeps } from "../../trace/log-service/log-service.ts";
import { compileOtelLog } from "../../trace/log-service/otel-log.ts";
import type { DataPlaneDeps } from "../data-plane.ts";

interface AccessLogParts extends Pick<DataPlaneDeps, "random" | "sinks" | "clock" | "metrics" | "node"> {
	readonly env: FormatEnvironment;
	readonly calls: SideCalls;
	readonly streams: SideStreams;
}

/** Compiles the access logs of listeners, connection managers and TCP proxies. */
export class AccessLogs {
	readonly #parts: AccessLogParts;
	readonly #services: LogServiceDeps;

	constructor(parts: AccessLogParts) {
		this.#parts = parts;
		this.#services = { ...parts, shared: new Map() };
	}

	/** Throws ProblemError with everything that is wrong. */
	compile(logs: readonly AccessLog[], at: string): readonly AccessLogger[] {
		const { env, random, sinks } = this.#parts;
		return compileAccessLogs(
			logs,
			{
				env,
				random,
				openSink: (target) => sinks.open(target),
				compileService: (config, path, problems) =>
					compileLogService(config, this.#services, path, problems) ??
					compileOtelLog(config, { ...this.#parts, version: VERSION }, path, problems),
			},
			fieldPath(`${at}.access_log`),
		);
	}
}

export function logAll(loggers: readonly AccessLogger[], ctx: FormatContext): void {
	for (const logger of loggers) logger.log(ctx);
}
