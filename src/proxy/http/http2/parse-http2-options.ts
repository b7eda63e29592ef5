import type { Duration } from "@bufbuild/protobuf/wkt";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import { type Problem, problem } from "../../../lib/problem.ts";
import type {
	Http2ProtocolOptions,
	KeepaliveSettings,
} from "../../../xds/generated/envoy/config/core/v3/protocol_pb.ts";
import type { SupportedFields } from "../../../xds/supported.ts";
import { HTTP2_DEFAULTS, type Http2Options, type KeepaliveOptions } from "./http2-options.ts";

const CORE = "envoy.config.core.v3";

/** Fields of HTTP/2's options that are obeyed (docs/contracts.md), for connection managers and clusters alike. */
export const SUPPORTED: SupportedFields = {
	[`${CORE}.Http2ProtocolOptions`]: [
		"hpack_table_size",
		"max_concurrent_streams",
		"initial_stream_window_size",
		"initial_connection_window_size",
		"allow_connect",
		"max_outbound_frames",
		"max_outbound_control_frames",
		"max_consecutive_inbound_frames_with_empty_payload",
		"max_inbound_priority_frames_per_stream",
		"max_inbound_window_update_frames_per_data_frame_sent",
		"stream_error_on_invalid_http_messaging",
		"override_stream_error_on_invalid_http_message",
		"custom_settings_parameters",
		"connection_keepalive",
	],
	[`${CORE}.Http2ProtocolOptions.SettingsParameter`]: ["identifier", "value"],
	[`${CORE}.KeepaliveSettings`]: ["interval", "timeout", "interval_jitter", "connection_idle_interval"],
};

const MIN_WINDOW = 65_535;
const MAX_31_BITS = 2 ** 31 - 1;

/** Envoy's bounds (protoc-gen-validate rules of protocol.proto). */
const BOUNDS: readonly [field: keyof Http2ProtocolOptions, name: string, min: number, max: number][] = [
	["maxConcurrentStreams", "max_concurrent_streams", 1, MAX_31_BITS],
	["initialStreamWindowSize", "initial_stream_window_size", MIN_WINDOW, MAX_31_BITS],
	["initialConnectionWindowSize", "initial_connection_window_size", MIN_WINDOW, MAX_31_BITS],
	["maxOutboundFrames", "max_outbound_frames", 1, 2 ** 32 - 1],
	["maxOutboundControlFrames", "max_outbound_control_frames", 1, 2 ** 32 - 1],
	[
		"maxInboundWindowUpdateFramesPerDataFrameSent",
		"max_inbound_window_update_frames_per_data_frame_sent",
		1,
		2 ** 32 - 1,
	],
];

/** Identifiers whose settings have fields of their own, or may not be announced (as Envoy refuses them). */
const RESERVED_SETTINGS: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 5, 8]);

/** Reads HTTP/2's options; what Envoy's own validation refuses is added to `problems` (LTN3160). */
export function parseHttp2Options(
	message: Http2ProtocolOptions | undefined,
	at: FieldPath,
	problems: Problem[],
): Http2Options {
	if (message === undefined) return HTTP2_DEFAULTS;
	for (const [field, name, min, max] of BOUNDS) {
		const value = message[field] as number | undefined;
		if (value !== undefined && (value < min || value > max))
			problems.push(refuse(at.field(name), `${value} is not between ${min} and ${max}`));
	}
	return {
		...HTTP2_DEFAULTS,
		...defined({
			hpackTableBytes: message.hpackTableSize,
			maxConcurrentStreams: message.maxConcurrentStreams,
			initialStreamWindowBytes: message.initialStreamWindowSize,
			initialConnectionWindowBytes: message.initialConnectionWindowSize,
			maxOutboundFrames: message.maxOutboundFrames,
			maxOutboundControlFrames: message.maxOutboundControlFrames,
			maxConsecutiveEmptyFrames: message.maxConsecutiveInboundFramesWithEmptyPayload,
			maxPriorityFramesPerStream: message.maxInboundPriorityFramesPerStream,
			maxWindowUpdatesPerDataFrame: message.maxInboundWindowUpdateFramesPerDataFrameSent,
		}),
		allowConnect: message.allowConnect,
		streamErrorOnInvalidMessage:
			message.overrideStreamErrorOnInvalidHttpMessage ?? message.streamErrorOnInvalidHttpMessaging,
		customSettings: parseCustom(message, at.field("custom_settings_parameters"), problems),
		keepalive: parseKeepalive(message.connectionKeepalive, at.field("connection_keepalive"), problems),
	};
}

function defined(values: Readonly<Record<string, number | undefined>>): Partial<Http2Options> {
	return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function parseCustom(
	{ customSettingsParameters }: Http2ProtocolOptions,
	at: FieldPath,
	problems: Problem[],
): Http2Options["customSettings"] {
	const settings: [number, number][] = [];
	for (const [i, { identifier = -1, value = -1 }] of customSettingsParameters.entries()) {
		if (identifier < 0 || identifier > 65_535)
			problems.push(refuse(at.index(i).field("identifier"), "no setting's number"));
		else if (RESERVED_SETTINGS.has(identifier))
			problems.push(refuse(at.index(i).field("identifier"), "this setting has a field of its own, or may not be set"));
		else if (value < 0) problems.push(refuse(at.index(i).field("value"), "the field is required"));
		else settings.push([identifier, value]);
	}
	return settings;
}

function parseKeepalive(
	message: KeepaliveSettings | undefined,
	at: FieldPath,
	problems: Problem[],
): KeepaliveOptions | undefined {
	if (message === undefined) return undefined;
	const ms = (duration: Duration | undefined) => (duration === undefined ? 0 : durationMs(duration));
	const options = {
		intervalMs: ms(message.interval),
		timeoutMs: ms(message.timeout),
		jitterPercent: message.intervalJitter?.value ?? 15,
		idleIntervalMs: ms(message.connectionIdleInterval),
	};
	if (options.timeoutMs < 1) problems.push(refuse(at.field("timeout"), "a timeout of at least 1 ms is required"));
	if (message.interval !== undefined && options.intervalMs < 1)
		problems.push(refuse(at.field("interval"), "it must be at least 1 ms"));
	if (message.connectionIdleInterval !== undefined && options.idleIntervalMs < 1)
		problems.push(refuse(at.field("connection_idle_interval"), "it must be at least 1 ms"));
	return options;
}

function refuse(at: FieldPath, what: string): Problem {
	return problem("LTN3160", at.toString(), what, "see Envoy's Http2ProtocolOptions");
}
