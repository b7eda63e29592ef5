import { fieldPath } from "../../../lib/field-path.ts";
import { type Problem, problem } from "../../../lib/problem.ts";
import { unpackAs } from "../../../xds/any.ts";
import {
	type Cluster,
	Cluster_ClusterProtocolSelection,
} from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type {
	HttpProtocolOptions as CommonOptions,
	Http1ProtocolOptions,
	Http2ProtocolOptions,
	UpstreamHttpProtocolOptions,
} from "../../../xds/generated/envoy/config/core/v3/protocol_pb.ts";
import { UpstreamCodecSchema } from "../../../xds/generated/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec_pb.ts";
import {
	type HttpProtocolOptions,
	HttpProtocolOptionsSchema,
} from "../../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts";
import { parseHeaderCase } from "../../http/header-case.ts";
import { parseHttp2Options } from "../../http/http2/parse-http2-options.ts";
import type { AutoSni, ClusterInfo } from "../cluster.ts";
import { durationMs } from "./duration-ms.ts";

/** Where a cluster keeps its HTTP options. */
export const HTTP_OPTIONS_KEY = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const TCP_KEY = "envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions";
const DEFAULT_IDLE_MS = 3_600_000;
const DEFAULT_HEADERS_COUNT = 100;
/** Envoy's HTTP/1 codec takes more than that of HTTP/2. */
const DEFAULT_HEADERS_KB = { http1: 80, http2: 60 };

type Http2Message = Http2ProtocolOptions | undefined;

type ProtocolInfo = Pick<
	ClusterInfo,
	| "autoSni"
	| "httpProtocol"
	| "http1Trailers"
	| "http1FullUrl"
	| "http1HeaderCase"
	| "http2"
	| "idleTimeoutMs"
	| "maxConnectionDurationMs"
	| "maxStreamDurationMs"
	| "http1Limits"
	| "http2Limits"
	| "maxRequestsPerConnection"
>;

/** What a cluster says of HTTP, in the typed extension or in Envoy's older fields. */
interface Spoken {
	readonly protocol: ClusterInfo["httpProtocol"];
	readonly http1: Http1ProtocolOptions | undefined;
	readonly http2: { readonly options: Http2Message; readonly at: string };
	readonly common: CommonOptions | undefined;
	readonly commonAt: string;
	readonly names: UpstreamHttpProtocolOptions | undefined;
	readonly at: string;
}

/** Reads `typed_extension_protocol_options`, or the older fields if there are none: protocol, idle timeout, age and requests per connection. */
export function compileHttpProtocol(message: Cluster, at: string, problems: Problem[]): ProtocolInfo {
	for (const key of Object.keys(message.typedExtensionProtocolOptions)) {
		// Timeouts of TCP connections that wait for a client: there are none here.
		if (key === HTTP_OPTIONS_KEY || key === TCP_KEY) continue;
		const what = "these protocol options are not implemented by this proxy";
		problems.push(problem("LTN3230", `${at}typed_extension_protocol_options[${key}]`, what, `use ${HTTP_OPTIONS_KEY}`));
	}
	const options = unpackAs(message.typedExtensionProtocolOptions[HTTP_OPTIONS_KEY], HttpProtocolOptionsSchema);
	const spoken = options
		? typedOf(options, `${at}typed_extension_protocol_options[${HTTP_OPTIONS_KEY}]`, problems)
		: legacyOf(message, at, problems);
	const { http1, http2, common } = spoken;
	checkCommon(common, spoken.commonAt, problems);
	return {
		httpProtocol: spoken.protocol,
		http1Trailers: http1?.enableTrailers ?? false,
		http1FullUrl: http1?.sendFullyQualifiedUrl ?? false,
		http1HeaderCase: parseHeaderCase(http1, fieldPath(spoken.at), problems),
		http2: parseHttp2Options(http2.options, fieldPath(http2.at), problems),
		autoSni: autoSniOf(spoken.names),
		idleTimeoutMs: durationMs(common?.idleTimeout, DEFAULT_IDLE_MS),
		maxConnectionDurationMs: durationMs(common?.maxConnectionDuration, 0),
		maxStreamDurationMs: durationMs(common?.maxStreamDuration, 0),
		http1Limits: responseLimits(common, DEFAULT_HEADERS_KB.http1),
		http2Limits: responseLimits(common, DEFAULT_HEADERS_KB.http2),
		maxRequestsPerConnection: common?.maxRequestsPerConnection ?? message.maxRequestsPerConnection ?? 0,
	};
}

function responseLimits(common: CommonOptions | undefined, defaultKb: number): ClusterInfo["http1Limits"] {
	return {
		maxBytes: (common?.maxResponseHeadersKb ?? defaultKb) * 1024,
		maxFields: common?.maxHeadersCount ?? DEFAULT_HEADERS_COUNT,
	};
}

function typedOf(options: HttpProtocolOptions, at: string, problems: Problem[]): Spoken {
	for (const [i, { name, configType }] of options.httpFilters.entries())
		if (configType.case !== "typedConfig" || !unpackAs(configType.value, UpstreamCodecSchema))
			problems.push(
				problem("LTN3265", `${at}.http_filters[${i}]`, `the filter "${name}" does not run upstream in this proxy`),
			);
	return {
		protocol: protocolOf(options, at, problems),
		http1: http1Of(options),
		http2: http2Of(options, at),
		common: options.commonHttpProtocolOptions,
		commonAt: `${at}.common_http_protocol_options`,
		names: options.upstreamHttpProtocolOptions,
		at,
	};
}

function legacyOf(message: Cluster, at: string, problems: Problem[]): Spoken {
	const { httpProtocolOptions: http1, http2ProtocolOptions: http2 } = message;
	const asDownstream = message.protocolSelection === Cluster_ClusterProtocolSelection.USE_DOWNSTREAM_PROTOCOL;
	if (http1 && http2 && !asDownstream)
		problems.push(
			problem(
				"LTN3233",
				`${at}http2_protocol_options`,
				"one protocol can be spoken only",
				"remove one of both options",
			),
		);
	return {
		protocol: asDownstream ? "downstream" : http2 ? "http2" : "http1",
		http1,
		http2: { options: http2, at: `${at}http2_protocol_options` },
		common: message.commonHttpProtocolOptions,
		commonAt: `${at}common_http_protocol_options`,
		names: message.upstreamHttpProtocolOptions,
		at: `${at}http_protocol_options`,
	};
}

function autoSniOf(names: UpstreamHttpProtocolOptions | undefined): AutoSni | undefined {
	if (!names || (!names.autoSni && !names.autoSanValidation)) return undefined;
	return {
		header: names.overrideAutoSniHeader.toLowerCase(),
		setsSni: names.autoSni,
		validatesSan: names.autoSanValidation,
	};
}

function protocolOf(options: HttpProtocolOptions, path: string, problems: Problem[]): ClusterInfo["httpProtocol"] {
	const { upstreamProtocolOptions: chosen } = options;
	if (chosen.case === "useDownstreamProtocolConfig") return "downstream";
	if (chosen.case === "explicitHttpConfig") {
		const explicit = chosen.value.protocolConfig;
		if (explicit.case === "http2ProtocolOptions") return "http2";
		if (explicit.case !== "http3ProtocolOptions") return "http1";
	}
	if (chosen.case === "autoConfig") return "auto";
	const name = "explicit_http_config.http3_protocol_options";
	const what = "this choice of protocol is not implemented by this proxy";
	const fix = "use explicit_http_config or use_downstream_protocol_config";
	problems.push(problem("LTN3231", `${path}.${name}`, what, fix));
	return "http1";
}

function http1Of(options: HttpProtocolOptions): Http1ProtocolOptions | undefined {
	const chosen = options.upstreamProtocolOptions;
	if (chosen.case === "useDownstreamProtocolConfig" || chosen.case === "autoConfig")
		return chosen.value.httpProtocolOptions;
	if (chosen.case !== "explicitHttpConfig") return undefined;
	const explicit = chosen.value.protocolConfig;
	return explicit.case === "httpProtocolOptions" ? explicit.value : undefined;
}

/** HTTP/2's own options, wherever the choice of protocol keeps them. */
function http2Of(options: HttpProtocolOptions, path: string): { options: Http2Message; at: string } {
	const chosen = options?.upstreamProtocolOptions;
	if (chosen?.case === "explicitHttpConfig") {
		const explicit = chosen.value.protocolConfig;
		const at = `${path}.explicit_http_config.http2_protocol_options`;
		return { options: explicit.case === "http2ProtocolOptions" ? explicit.value : undefined, at };
	}
	if (chosen?.case === "autoConfig")
		return { options: chosen.value.http2ProtocolOptions, at: `${path}.auto_config.http2_protocol_options` };
	if (chosen?.case !== "useDownstreamProtocolConfig") return { options: undefined, at: path };
	return {
		options: chosen.value.http2ProtocolOptions,
		at: `${path}.use_downstream_protocol_config.http2_protocol_options`,
	};
}

const MAX_HEADERS_KB = 8192;

/** Envoy's own rules for the message. */
function checkCommon(common: CommonOptions | undefined, path: string, problems: Problem[]): void {
	const { maxHeadersCount, maxResponseHeadersKb, maxConnectionDurationJitter } = common ?? {};
	const complain = (field: string, what: string) => void problems.push(problem("LTN3232", `${path}.${field}`, what));
	if (maxHeadersCount === 0) complain("max_headers_count", "at least one header must be allowed");
	if (maxResponseHeadersKb !== undefined && (maxResponseHeadersKb < 1 || maxResponseHeadersKb > MAX_HEADERS_KB))
		complain("max_response_headers_kb", `the size must be from 1 to ${MAX_HEADERS_KB}`);
	const jitter = maxConnectionDurationJitter?.value ?? 0;
	if (jitter < 0 || jitter > 100) complain("max_connection_duration_jitter", "the percentage must be at most 100");
}
