import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import { type Problem, problem } from "../../../lib/problem.ts";
import type { HttpConnectionManager } from "../../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { SupportedFields } from "../../../xds/supported.ts";
import { type Deadlines, Timer } from "../../http/deadlines.ts";
import type { LogMoments } from "../hcm-config.ts";

const HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

export const LOG_MOMENTS_SUPPORTED: SupportedFields = {
	[`${HCM}.HcmAccessLogOptions`]: [
		"access_log_flush_interval",
		"flush_access_log_on_new_request",
		"flush_log_on_tunnel_successfully_established",
	],
};

/** `access_log_options` and the older fields beside it, which exclude each other. */
export function parseLogMoments(message: HttpConnectionManager, at: FieldPath, problems: Problem[]): LogMoments {
	const { accessLogOptions: options } = message;
	if (options && (message.flushAccessLogOnNewRequest || message.accessLogFlushInterval))
		problems.push(
			problem(
				"LTN3102",
				at.field("access_log_options").toString(),
				"it excludes flush_access_log_on_new_request and access_log_flush_interval",
				"keep access_log_options",
			),
		);
	const interval = options?.accessLogFlushInterval ?? message.accessLogFlushInterval;
	const intervalMs = interval ? durationMs(interval) : 0;
	if (interval && intervalMs < 1)
		problems.push(
			problem("LTN3102", at.field("access_log_flush_interval").toString(), "it is shorter than a millisecond"),
		);
	return {
		onNewRequest: options?.flushAccessLogOnNewRequest ?? message.flushAccessLogOnNewRequest,
		onTunnel: options?.flushLogOnTunnelSuccessfullyEstablished ?? false,
		intervalMs,
	};
}

/** Logs a stream again and again while it runs. */
export class PeriodicLog {
	readonly #timer = new Timer(this);
	readonly #deadlines: Deadlines;
	readonly #intervalMs: number;
	readonly #log: () => void;

	constructor(deadlines: Deadlines, intervalMs: number, log: () => void) {
		this.#deadlines = deadlines;
		this.#intervalMs = intervalMs;
		this.#log = log;
		deadlines.arm(this.#timer, intervalMs);
	}

	onTimer(): void {
		this.#log();
		this.#deadlines.arm(this.#timer, this.#intervalMs);
	}

	stop(): void {
		this.#timer.cancel();
	}
}
