import { RE2JS } from "re2js";
import { type Problem, problem } from "../../../lib/problem.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { HeaderValueOption } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	HeaderValueOption_HeaderAppendAction as Append,
	RequestMethod,
} from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type {
	HealthCheck,
	HealthCheck_GrpcHealthCheck,
	HealthCheck_HttpHealthCheck,
	HealthCheck_Payload,
	HealthCheck_TcpHealthCheck,
} from "../../../xds/generated/envoy/config/core/v3/health_check_pb.ts";
import { ProxyProtocolConfig_Version } from "../../../xds/generated/envoy/config/core/v3/proxy_protocol_pb.ts";
import { HealthCheckEventFileSinkSchema } from "../../../xds/generated/envoy/extensions/health_check/event_sinks/file/v3/file_pb.ts";
import type { StringMatcher } from "../../../xds/generated/envoy/type/matcher/v3/string_pb.ts";
import { CodecClientType } from "../../../xds/generated/envoy/type/v3/http_pb.ts";
import type { Int64Range } from "../../../xds/generated/envoy/type/v3/range_pb.ts";
import { durationMs } from "../compile/duration-ms.ts";
import type {
	CheckIntervals,
	GrpcProbe,
	HealthCheckConfig,
	HttpProbe,
	ProbeHeader,
	StatusRange,
	TcpProbe,
} from "./check-config.ts";

const NO_TRAFFIC_MS = 60_000;
const RESPONSE_BUFFER_BYTES = 1024;

/** Reads `health_checks`; adds a problem (LTN325x) for all that is not acceptable. */
export function compileHealthChecks(
	messages: readonly HealthCheck[],
	at: string,
	problems: Problem[],
): readonly HealthCheckConfig[] {
	if (messages.length > 1)
		problems.push(problem("LTN3250", `${at}health_checks`, "a cluster has at most one health check", "keep one"));
	return messages.flatMap((message, i) => compileCheck(message, `${at}health_checks[${i}].`, problems) ?? []);
}

function compileCheck(message: HealthCheck, at: string, problems: Problem[]): HealthCheckConfig | undefined {
	const probe = compileProbe(message, at, problems);
	for (const [field, set] of [
		["timeout", message.timeout],
		["interval", message.interval],
		["unhealthy_threshold", message.unhealthyThreshold],
		["healthy_threshold", message.healthyThreshold],
	] as const)
		if (set === undefined) problems.push(problem("LTN3251", `${at}${field}`, "a health check needs this field"));
	const timeoutMs = durationMs(message.timeout, 1);
	if (timeoutMs <= 0) problems.push(problem("LTN3252", `${at}timeout`, "the timeout must be greater than 0"));
	if (!probe) return undefined;
	return {
		timeoutMs,
		intervals: compileIntervals(message, at, problems),
		unhealthyThreshold: message.unhealthyThreshold ?? 1,
		healthyThreshold: message.healthyThreshold ?? 1,
		reuseConnection: message.reuseConnection ?? true,
		alpn: message.tlsOptions?.alpnProtocols ?? [],
		socketMatch: message.transportSocketMatchCriteria,
		log: {
			paths: eventLogPaths(message, at, problems),
			everyFailure: message.alwaysLogHealthCheckFailures,
			everySuccess: message.alwaysLogHealthCheckSuccess,
		},
		probe,
	};
}

/** Files of `event_log_path` and of the file sinks among `event_logger`. */
function eventLogPaths({ eventLogPath, eventLogger }: HealthCheck, at: string, problems: Problem[]): string[] {
	const sinks = eventLogger.flatMap(({ name, typedConfig }, i) => {
		const sink = unpackAs(typedConfig, HealthCheckEventFileSinkSchema);
		const path = `${at}event_logger[${i}]`;
		if (!sink) problems.push(problem("LTN3259", path, `the event sink "${name}" is not implemented by this proxy`));
		else if (sink.eventLogPath === "")
			problems.push(problem("LTN3259", `${path}.typed_config.event_log_path`, "the path of the file is missing"));
		return sink?.eventLogPath || [];
	});
	return eventLogPath === "" ? sinks : [eventLogPath, ...sinks];
}

function compileIntervals(message: HealthCheck, at: string, problems: Problem[]): CheckIntervals {
	const given = [
		["interval", message.interval],
		["no_traffic_interval", message.noTrafficInterval],
		["no_traffic_healthy_interval", message.noTrafficHealthyInterval],
		["unhealthy_interval", message.unhealthyInterval],
		["unhealthy_edge_interval", message.unhealthyEdgeInterval],
		["healthy_edge_interval", message.healthyEdgeInterval],
	] as const;
	for (const [field, duration] of given)
		if (duration && durationMs(duration, 0) <= 0)
			problems.push(problem("LTN3252", `${at}${field}`, "the interval must be greater than 0"));
	const baseMs = durationMs(message.interval, NO_TRAFFIC_MS);
	const noTrafficMs = durationMs(message.noTrafficInterval, NO_TRAFFIC_MS);
	const unhealthyMs = durationMs(message.unhealthyInterval, baseMs);
	return {
		baseMs,
		initialJitterMs: durationMs(message.initialJitter, 0),
		jitterMs: durationMs(message.intervalJitter, 0),
		jitterPercent: message.intervalJitterPercent,
		noTrafficMs,
		noTrafficHealthyMs: durationMs(message.noTrafficHealthyInterval, noTrafficMs),
		unhealthyMs,
		unhealthyEdgeMs: durationMs(message.unhealthyEdgeInterval, unhealthyMs),
		healthyEdgeMs: durationMs(message.healthyEdgeInterval, baseMs),
	};
}

function compileProbe(
	{ healthChecker }: HealthCheck,
	at: string,
	problems: Problem[],
): HealthCheckConfig["probe"] | undefined {
	switch (healthChecker.case) {
		case "httpHealthCheck":
			return compileHttp(healthChecker.value, `${at}http_health_check.`, problems);
		case "tcpHealthCheck":
			return compileTcp(healthChecker.value, `${at}tcp_health_check.`, problems);
		case "grpcHealthCheck":
			return compileGrpc(healthChecker.value, `${at}grpc_health_check.`, problems);
		case "customHealthCheck": {
			const what = `the health checker "${healthChecker.value.name}" is not implemented by this proxy`;
			problems.push(problem("LTN3253", `${at}custom_health_check`, what, "use an HTTP, TCP or gRPC check"));
			return undefined;
		}
		default:
			problems.push(problem("LTN3251", at.slice(0, -1), "the health check says nothing of how to check"));
			return undefined;
	}
}

const METHODS: Readonly<Record<number, string>> = Object.fromEntries(
	Object.entries(RequestMethod).map(([name, number]) => [number, name === "METHOD_UNSPECIFIED" ? "GET" : name]),
);
const BODILESS = new Set(["GET", "HEAD", "DELETE", "TRACE"]);

function compileHttp(message: HealthCheck_HttpHealthCheck, at: string, problems: Problem[]): HttpProbe {
	const complain = (field: string, what: string, fix = "") =>
		void problems.push(problem("LTN3254", `${at}${field}`, what, fix));
	const method = METHODS[message.method] ?? "GET";
	if (message.path === "" || !isHeaderText(message.path)) complain("path", "an HTTP check needs a path");
	if (!isHeaderText(message.host)) complain("host", "the host is not a header value");
	if (method === "CONNECT") complain("method", "CONNECT cannot be a health check");
	if (message.send && BODILESS.has(method)) complain("send", `a ${method} request has no body`, "use POST or PUT");
	if (message.codecClientType === CodecClientType.HTTP3)
		complain("codec_client_type", "HTTP/3 is not implemented by this proxy", "use HTTP1 or HTTP2");
	const receive = message.receive.map((payload, i) => payloadBytes(payload, `${at}receive[${i}]`, problems));
	const responseBufferBytes = Number(message.responseBufferSize ?? RESPONSE_BUFFER_BYTES);
	const expectedBytes = receive.reduce((sum, { length }) => sum + length, 0);
	if (responseBufferBytes > 0 && expectedBytes > responseBufferBytes)
		complain("receive", `the expected ${expectedBytes} bytes exceed response_buffer_size`);
	const expected = ranges(message.expectedStatuses, `${at}expected_statuses`, problems);
	return {
		kind: "http",
		host: message.host,
		path: message.path,
		method,
		http2: message.codecClientType === CodecClientType.HTTP2,
		body: message.send ? payloadBytes(message.send, `${at}send`, problems) : new Uint8Array(),
		receive,
		responseBufferBytes,
		headersToAdd: headers(message.requestHeadersToAdd, `${at}request_headers_to_add`, problems),
		headersToRemove: message.requestHeadersToRemove.map((name) => name.toLowerCase()),
		expected: expected.length > 0 ? expected : [{ start: 200, end: 201 }],
		retriable: ranges(message.retriableStatuses, `${at}retriable_statuses`, problems),
		serviceName: serviceName(message.serviceNameMatcher, `${at}service_name_matcher`, problems),
	};
}

function compileTcp(message: HealthCheck_TcpHealthCheck, at: string, problems: Problem[]): TcpProbe {
	const proxy = message.proxyProtocolConfig;
	const version = proxy?.version === ProxyProtocolConfig_Version.V2 ? 2 : 1;
	return {
		kind: "tcp",
		send: message.send ? payloadBytes(message.send, `${at}send`, problems) : new Uint8Array(),
		receive: message.receive.map((payload, i) => payloadBytes(payload, `${at}receive[${i}]`, problems)),
		proxyProtocol: proxy ? version : 0,
	};
}

function compileGrpc(message: HealthCheck_GrpcHealthCheck, at: string, problems: Problem[]): GrpcProbe {
	if (!isHeaderText(message.authority))
		problems.push(problem("LTN3254", `${at}authority`, "the authority is not a header value"));
	return {
		kind: "grpc",
		service: message.serviceName,
		authority: message.authority,
		metadata: headers(message.initialMetadata, `${at}initial_metadata`, problems),
	};
}

/** Text is hexadecimal, as in Envoy. */
function payloadBytes({ payload }: HealthCheck_Payload, at: string, problems: Problem[]): Uint8Array {
	if (payload.case === "binary") return payload.value;
	const text = payload.case === "text" ? payload.value : "";
	if (text === "" || text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) {
		problems.push(problem("LTN3255", at, "the payload must be an even number of hexadecimal digits"));
		return new Uint8Array();
	}
	return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

function ranges(given: readonly Int64Range[], at: string, problems: Problem[]): StatusRange[] {
	return given.map(({ start, end }, i) => {
		const range = { start: Number(start), end: Number(end) };
		if (range.start >= range.end || range.start < 100 || range.end > 600)
			problems.push(problem("LTN3256", `${at}[${i}]`, "a range of statuses must keep 100 <= start < end <= 600"));
		return range;
	});
}

const MODES: Readonly<Record<number, ProbeHeader["mode"]>> = {
	[Append.APPEND_IF_EXISTS_OR_ADD]: "append",
	[Append.ADD_IF_ABSENT]: "add-if-absent",
	[Append.OVERWRITE_IF_EXISTS_OR_ADD]: "overwrite",
	[Append.OVERWRITE_IF_EXISTS]: "overwrite-if-present",
};

function headers(options: readonly HeaderValueOption[], at: string, problems: Problem[]): ProbeHeader[] {
	return options.flatMap(({ header, append, appendAction, keepEmptyValue }, i) => {
		const { key = "", value = "" } = header ?? {};
		if (key === "") problems.push(problem("LTN3257", `${at}[${i}].header.key`, "the header has no name"));
		if (/%/.test(value.replaceAll("%%", "")))
			problems.push(
				problem("LTN3257", `${at}[${i}].header.value`, "format operators are not implemented in health checks"),
			);
		if (value === "" && !keepEmptyValue) return [];
		const mode = append === false ? "overwrite" : MODES[appendAction]!;
		return [{ name: key.toLowerCase(), value: value.replaceAll("%%", "%"), mode }];
	});
}

function serviceName(matcher: StringMatcher | undefined, at: string, problems: Problem[]): HttpProbe["serviceName"] {
	if (!matcher) return undefined;
	const fold = (text: string) => (matcher.ignoreCase ? text.toLowerCase() : text);
	const { matchPattern: pattern } = matcher;
	switch (pattern.case) {
		case "exact":
			return (name) => fold(name) === fold(pattern.value);
		case "prefix":
			return (name) => fold(name).startsWith(fold(pattern.value));
		case "suffix":
			return (name) => fold(name).endsWith(fold(pattern.value));
		case "contains":
			return (name) => fold(name).includes(fold(pattern.value));
		case "safeRegex":
			return regexMatcher(pattern.value.regex, `${at}.safe_regex.regex`, problems);
		default:
			problems.push(problem("LTN3258", at, "this way to compare is not implemented by this proxy", "use safe_regex"));
			return undefined;
	}
}

/** RE2's syntax; the whole name must match. */
function regexMatcher(pattern: string, at: string, problems: Problem[]): HttpProbe["serviceName"] {
	try {
		const regex = RE2JS.compile(pattern);
		return (name) => regex.matches(name);
	} catch (error) {
		problems.push(problem("LTN3258", at, `not a regular expression of RE2's: ${(error as Error).message}`));
		return undefined;
	}
}

function isHeaderText(text: string): boolean {
	return !/[\0\r\n]/.test(text);
}
