import { fieldPath } from "../../lib/field-path.ts";
import { type Problem, problem } from "../../lib/problem.ts";
import { unpackAs } from "../../xds/any.ts";
import type { Cluster } from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type {
	HttpProtocolOptions as CommonOptions,
	Http1ProtocolOptions,
	Http2ProtocolOptions,
} from "../../xds/generated/envoy/config/core/v3/protocol_pb.ts";
import {
	type HttpProtocolOptions,
	HttpProtocolOptionsSchema,
} from "../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts";
import { parseHeaderCase } from "../http/header-case.ts";
import { parseHttp2Options } from "../http/parse-http2-options.ts";
import type { AutoSni, ClusterInfo } from "./cluster.ts";
import { durationMs } from "./duration-ms.ts";

const KEY = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const DEFAULT_IDLE_MS = 3_600_000;

type Http2Message = Http2ProtocolOptions | undefined;

type ProtocolInfo = Pick<
	ClusterInfo,
	| "autoSni"
	| "httpProtocol"
	| "http1Trailers"
	| "http1HeaderCase"
	| "http2"
	| "idleTimeoutMs"
	| "maxConnectionDurationMs"
	| "maxRequestsPerConnection"
>;

/** Reads `typed_extension_protocol_options`: protocol, idle timeout, age and requests per connection. */
export function compileHttpProtocol(message: Cluster, at: string, problems: Problem[]): ProtocolInfo {
	const path = `${at}typed_extension_protocol_options[${KEY}]`;
	for (const key of Object.keys(message.typedExtensionProtocolOptions)) {
		if (key === KEY) continue;
		const what = "these protocol options are not implemented by this proxy";
		problems.push(problem("LTN3230", `${at}typed_extension_protocol_options[${key}]`, what, `use ${KEY}`));
	}
	const options = unpackAs(message.typedExtensionProtocolOptions[KEY], HttpProtocolOptionsSchema);
	const common = options?.commonHttpProtocolOptions;
	refuseCommon(common, `${path}.common_http_protocol_options`, problems);
	const legacy = message.http2ProtocolOptions;
	const { options: http2, at: http2At } = http2Of(options, path);
	return {
		httpProtocol: options ? protocolOf(options, path, problems) : legacy ? "http2" : "http1",
		http1Trailers: http1Of(options)?.enableTrailers ?? false,
		http1HeaderCase: parseHeaderCase(http1Of(options), fieldPath(path), problems),
		http2: options
			? parseHttp2Options(http2, fieldPath(http2At), problems)
			: parseHttp2Options(legacy, fieldPath(`${at}http2_protocol_options`), problems),
		autoSni: autoSniOf(options),
		idleTimeoutMs: durationMs(common?.idleTimeout, DEFAULT_IDLE_MS),
		maxConnectionDurationMs: durationMs(common?.maxConnectionDuration, 0),
		maxRequestsPerConnection: common?.maxRequestsPerConnection ?? message.maxRequestsPerConnection ?? 0,
	};
}

function autoSniOf(options: HttpProtocolOptions | undefined): AutoSni | undefined {
	const names = options?.upstreamHttpProtocolOptions;
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

function http1Of(options: HttpProtocolOptions | undefined): Http1ProtocolOptions | undefined {
	const chosen = options?.upstreamProtocolOptions;
	if (chosen?.case === "useDownstreamProtocolConfig" || chosen?.case === "autoConfig")
		return chosen.value.httpProtocolOptions;
	if (chosen?.case !== "explicitHttpConfig") return undefined;
	const explicit = chosen.value.protocolConfig;
	return explicit.case === "httpProtocolOptions" ? explicit.value : undefined;
}

/** HTTP/2's own options, wherever the choice of protocol keeps them. */
function http2Of(options: HttpProtocolOptions | undefined, path: string): { options: Http2Message; at: string } {
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

/** The message is shared with the connection manager, which obeys more of it: said here field by field. */
function refuseCommon(common: CommonOptions | undefined, path: string, problems: Problem[]): void {
	if (!common) return;
	const unread: [name: string, set: boolean][] = [
		["max_headers_count", common.maxHeadersCount !== undefined],
		["max_response_headers_kb", common.maxResponseHeadersKb !== undefined],
		["max_stream_duration", common.maxStreamDuration !== undefined],
		["headers_with_underscores_action", common.headersWithUnderscoresAction !== 0],
	];
	for (const [name, set] of unread)
		if (set)
			problems.push(
				problem("LTN3232", `${path}.${name}`, "not implemented by this proxy for clusters", "remove the field"),
			);
}
