import type { Duration } from "@bufbuild/protobuf/wkt";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import { type Problem, ProblemError, problem } from "../../lib/problem.ts";
import { unpackAs } from "../../xds/any.ts";
import { CONFIG_SOURCE_SUPPORTED, parseConfigSource } from "../../xds/config-source.ts";
import {
	type HttpProtocolOptions,
	HttpProtocolOptions_HeadersWithUnderscoresAction as Underscores,
} from "../../xds/generated/envoy/config/core/v3/protocol_pb.ts";
import {
	HttpConnectionManager_ForwardClientCertFormat as CertFormat,
	HttpConnectionManager_CodecType as CodecType,
	HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
	HttpConnectionManager_ForwardClientCertDetails as ForwardCert,
	type HttpConnectionManager,
	HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from "../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { UuidRequestIdConfigSchema } from "../../xds/generated/envoy/extensions/request_id/uuid/v3/uuid_pb.ts";
import type { SupportedFields } from "../../xds/supported.ts";
import { type FilterChain, parseHttpFilters } from "../filter/filter-chain.ts";
import type { HttpFilterFactory } from "../filter/http-filter.ts";
import { DEFAULT_ROUTER } from "../filter/router-settings.ts";
import { type HeaderCase, parseHeaderCase } from "../http/header-case.ts";
import { SUPPORTED as HTTP2_SUPPORTED, parseHttp2Options } from "../http/http2/parse-http2-options.ts";
import type { RequestIdRules } from "../trace/sampling.ts";
import { ClientCertField, type ForwardClientCert } from "./fields/client-cert-field.ts";
import { EARLY_MUTATIONS_SUPPORTED } from "./fields/early-mutations.ts";
import { type AddressRange, addressRange } from "./fields/internal-address.ts";
import { type IpDetection, ORIGINAL_IP_SUPPORTED, parseIpDetections } from "./fields/original-ip.ts";
import type { HcmConfig, Http1Settings, IdentitySettings, PathSettings, RouteSource } from "./hcm-config.ts";
import { HCM_DEFAULTS } from "./hcm-defaults.ts";
import { SCOPED_ROUTES_SUPPORTED } from "./scoped-routes-supported.ts";
import { LOG_MOMENTS_SUPPORTED, parseLogMoments } from "./stream/log-moments.ts";

const HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/** Fields of the connection manager that are obeyed (docs/contracts.md). */
export const SUPPORTED: SupportedFields = {
	[HCM]: [
		"codec_type",
		"stat_prefix",
		"rds",
		"route_config",
		"scoped_routes",
		"http_filters",
		"tracing",
		"request_id_extension",
		"common_http_protocol_options",
		"http_protocol_options",
		"http2_protocol_options",
		"drain_timeout",
		"server_name",
		"server_header_transformation",
		"max_request_headers_kb",
		"stream_idle_timeout",
		"request_timeout",
		"request_headers_timeout",
		"delayed_close_timeout",
		"access_log",
		"local_reply_config",
		"use_remote_address",
		"add_user_agent",
		"early_header_mutation_extensions",
		"http1_safe_max_connection_duration",
		"xff_num_trusted_hops",
		"original_ip_detection_extensions",
		"internal_address_config",
		"skip_xff_append",
		"via",
		"access_log_options",
		"access_log_flush_interval",
		"flush_access_log_on_new_request",
		"generate_request_id",
		"preserve_external_request_id",
		"always_set_request_id_in_response",
		"forward_client_cert_details",
		"set_current_client_cert_details",
		"proxy_100_continue",
		"upgrade_configs",
		"normalize_path",
		"merge_slashes",
		"path_with_escaped_slashes_action",
		"strip_matching_host_port",
		"strip_any_host_port",
		"strip_trailing_host_dot",
		"append_x_forwarded_port",
		"scheme_header_transformation",
	],
	...CONFIG_SOURCE_SUPPORTED,
	...EARLY_MUTATIONS_SUPPORTED,
	...SCOPED_ROUTES_SUPPORTED,
	...HTTP2_SUPPORTED,
	...ORIGINAL_IP_SUPPORTED,
	"envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig": ["mappers", "body_format"],
	"envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper": [
		"filter",
		"status_code",
		"body",
		"body_format_override",
		"headers_to_add",
	],
	...LOG_MOMENTS_SUPPORTED,
	[`${HCM}.Tracing`]: ["client_sampling", "random_sampling", "overall_sampling", "no_context_propagation"],
	[`${HCM}.SetCurrentClientCertDetails`]: ["subject", "cert", "chain", "dns", "uri", "issuer", "format"],
	[`${HCM}.UpgradeConfig`]: ["upgrade_type", "enabled"],
	[`${HCM}.InternalAddressConfig`]: ["cidr_ranges"],
	"envoy.extensions.filters.network.http_connection_manager.v3.Rds": ["config_source", "route_config_name"],
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter": [
		"name",
		"typed_config",
		"config_discovery",
		"is_optional",
		"disabled",
	],
	"envoy.config.core.v3.HttpProtocolOptions": [
		"idle_timeout",
		"max_connection_duration",
		"max_stream_duration",
		"max_headers_count",
		"max_requests_per_connection",
		"headers_with_underscores_action",
	],
	"envoy.config.core.v3.Http1ProtocolOptions": [
		"allow_absolute_url",
		"accept_http_10",
		"default_host_for_http_10",
		"enable_trailers",
		"allow_custom_methods",
		"header_key_format",
	],
	"envoy.config.core.v3.SchemeHeaderTransformation": ["scheme_to_overwrite"],
	"envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat": ["proper_case_words", "stateful_formatter"],
	"envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat.ProperCaseWords": [],
	"envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig": [],
	"envoy.config.core.v3.CidrRange": ["address_prefix", "prefix_len"],
	"envoy.type.v3.Percent": "*",
};

/** All HTTP filters that there are. */
export type HttpFilterFactories = readonly HttpFilterFactory[];

/** Reads and checks a connection manager; throws ProblemError (LTN31xx) with every path below `path`. */
export function parseHcm(message: HttpConnectionManager, path: string, factories: HttpFilterFactories): HcmConfig {
	const at = fieldPath(path);
	const problems: Problem[] = [];
	const routes = parseRoutes(message, at, problems);
	const { filters, router } = parseFilters(message, at, { factories, problems });
	checkChoices(message, at, problems);
	const http2 = parseHttp2Options(message.http2ProtocolOptions, at.field("http2_protocol_options"), problems);
	const headerCase = parseHeaderCase(message.httpProtocolOptions, at.field("http_protocol_options"), problems);
	const identity = parseIdentity(message, at, problems);
	if (message.statPrefix === "") problems.push(missing(at.field("stat_prefix")));
	const requestIdRules = parseRequestIdRules(message, at, problems);
	const logging = parseLogMoments(message, at, problems);
	if (problems.length > 0 || !routes) throw new ProblemError(problems);
	const common = message.commonHttpProtocolOptions;
	return {
		statPrefix: message.statPrefix,
		routes,
		filters,
		accessLogs: message.accessLog,
		logging,
		localReplies: message.localReplyConfig,
		router,
		earlyMutations: message.earlyHeaderMutationExtensions,
		codec: CODEC[message.codecType] ?? "auto",
		http1: parseHttp1(message, common, headerCase),
		http2,
		timeouts: parseTimeouts(message, common),
		identity,
		underscores: UNDERSCORES[message.commonHttpProtocolOptions?.headersWithUnderscoresAction ?? Underscores.ALLOW],
		overwriteScheme: schemeOf(message),
		path: parsePath(message),
		upgrades: new Set(message.upgradeConfigs.filter(isOn).map(({ upgradeType }) => upgradeType.toLowerCase())),
		serverName: message.serverName === "" ? HCM_DEFAULTS.serverName : message.serverName,
		serverHeader: SERVER_HEADER[message.serverHeaderTransformation],
		via: message.via,
		proxy100Continue: message.proxy100Continue,
		maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
		tracing: message.tracing,
		requestIdRules,
	};
}

const CODEC: Readonly<Partial<Record<CodecType, HcmConfig["codec"]>>> = {
	[CodecType.HTTP1]: "http1",
	[CodecType.HTTP2]: "http2",
};

const UNDERSCORES: Readonly<Record<Underscores, HcmConfig["underscores"]>> = {
	[Underscores.ALLOW]: "allow",
	[Underscores.REJECT_REQUEST]: "reject",
	[Underscores.DROP_HEADER]: "drop",
};

function schemeOf({ schemeHeaderTransformation: message }: HttpConnectionManager): HcmConfig["overwriteScheme"] {
	const scheme = message?.transformation.value;
	return scheme === "http" || scheme === "https" ? scheme : undefined;
}

const SERVER_HEADER: Readonly<Record<ServerHeader, HcmConfig["serverHeader"]>> = {
	[ServerHeader.OVERWRITE]: "overwrite",
	[ServerHeader.APPEND_IF_ABSENT]: "append-if-absent",
	[ServerHeader.PASS_THROUGH]: "pass-through",
};

const ESCAPED_SLASHES: Readonly<Record<EscapedSlashes, PathSettings["escapedSlashes"]>> = {
	[EscapedSlashes.IMPLEMENTATION_SPECIFIC_DEFAULT]: "keep",
	[EscapedSlashes.KEEP_UNCHANGED]: "keep",
	[EscapedSlashes.REJECT_REQUEST]: "reject",
	[EscapedSlashes.UNESCAPE_AND_REDIRECT]: "unescape-and-redirect",
	[EscapedSlashes.UNESCAPE_AND_FORWARD]: "unescape-and-forward",
};

function parseRoutes(message: HttpConnectionManager, at: FieldPath, problems: Problem[]): RouteSource | undefined {
	const { routeSpecifier: routes } = message;
	if (routes.case === "routeConfig") return { kind: "inline", config: routes.value };
	if (routes.case === "rds" && routes.value.routeConfigName !== "") {
		const from = parseConfigSource(routes.value.configSource, at.field("rds").field("config_source"), problems);
		return { kind: "rds", name: routes.value.routeConfigName, ...from };
	}
	if (routes.case === "scopedRoutes") return { kind: "scoped", config: routes.value };
	if (routes.case === "rds") problems.push(missing(at.field("rds").field("route_config_name")));
	else problems.push(missing(at.field("route_config")));
	return undefined;
}

function parseFilters(
	message: HttpConnectionManager,
	at: FieldPath,
	into: { factories: HttpFilterFactories; problems: Problem[] },
): FilterChain {
	try {
		return parseHttpFilters(message.httpFilters, into.factories, at.field("http_filters"));
	} catch (error) {
		if (!(error instanceof ProblemError)) throw error;
		into.problems.push(...error.problems);
		return { filters: [], router: DEFAULT_ROUTER };
	}
}

/** Values of obeyed fields that are not there yet. */
function checkChoices(message: HttpConnectionManager, at: FieldPath, problems: Problem[]): void {
	const { codecType } = message;
	if (codecType === CodecType.HTTP3) problems.push(notImplemented(at.field("codec_type"), "HTTP/3"));
	const scheme = message.schemeHeaderTransformation?.transformation.value;
	const schemeAt = at.field("scheme_header_transformation").field("scheme_to_overwrite");
	if (scheme !== undefined && scheme !== "http" && scheme !== "https")
		problems.push(problem("LTN3102", schemeAt.toString(), `"${scheme}" is neither http nor https`));
	for (const [i, upgrade] of message.upgradeConfigs.entries())
		if (upgrade.upgradeType === "") problems.push(missing(at.field("upgrade_configs").index(i).field("upgrade_type")));
}

function parseIdentity(message: HttpConnectionManager, at: FieldPath, problems: Problem[]): IdentitySettings {
	const details = message.setCurrentClientCertDetails;
	return {
		useRemoteAddress: message.useRemoteAddress ?? false,
		xffNumTrustedHops: message.xffNumTrustedHops,
		detections: parseDetections(message, at, problems),
		skipXffAppend: message.skipXffAppend,
		appendForwardedPort: message.appendXForwardedPort,
		internalRanges: parseRanges(message, at, problems),
		generateRequestId: message.generateRequestId ?? true,
		preserveExternalRequestId: message.preserveExternalRequestId,
		alwaysSetRequestIdInResponse: message.alwaysSetRequestIdInResponse,
		addUserAgent: message.addUserAgent ?? false,
		clientCert: new ClientCertField(FORWARD_CERT[message.forwardClientCertDetails], {
			subject: details?.subject ?? false,
			cert: details?.cert ?? false,
			chain: details?.chain ?? false,
			dns: details?.dns ?? false,
			uri: details?.uri ?? false,
			issuer: details?.issuer ?? false,
			json: details?.format === CertFormat.JSON,
		}),
	};
}

function parseDetections(message: HttpConnectionManager, at: FieldPath, problems: Problem[]): IpDetection[] {
	const { originalIpDetectionExtensions: extensions } = message;
	const where = at.field("original_ip_detection_extensions");
	if (extensions.length > 0 && (message.useRemoteAddress || message.xffNumTrustedHops > 0)) {
		const what = "the extensions cannot be combined with use_remote_address or xff_num_trusted_hops";
		problems.push(problem("LTN3102", where.toString(), what, "keep one of them"));
	}
	return parseIpDetections(extensions, where, problems);
}

const FORWARD_CERT: Readonly<Record<ForwardCert, ForwardClientCert>> = {
	[ForwardCert.SANITIZE]: "sanitize",
	[ForwardCert.FORWARD_ONLY]: "forward-only",
	[ForwardCert.APPEND_FORWARD]: "append-forward",
	[ForwardCert.SANITIZE_SET]: "sanitize-set",
	[ForwardCert.ALWAYS_FORWARD_ONLY]: "always-forward-only",
};

function parseRanges(message: HttpConnectionManager, at: FieldPath, problems: Problem[]): AddressRange[] {
	const ranges: AddressRange[] = [];
	for (const [i, { addressPrefix, prefixLen }] of (message.internalAddressConfig?.cidrRanges ?? []).entries()) {
		const range = addressRange(addressPrefix, prefixLen ?? 0);
		const where = at.field("internal_address_config").field("cidr_ranges").index(i);
		if (range) ranges.push(range);
		else problems.push(problem("LTN3102", where.toString(), `${addressPrefix}/${prefixLen ?? 0} is no address range`));
	}
	return ranges;
}

function parseHttp1(
	message: HttpConnectionManager,
	common: HttpProtocolOptions | undefined,
	headerCase: HeaderCase,
): Http1Settings {
	const http1 = message.httpProtocolOptions;
	const headKb = message.maxRequestHeadersKb ?? 0;
	return {
		acceptHttp10: http1?.acceptHttp10 ?? false,
		defaultHostForHttp10: http1?.defaultHostForHttp10 ?? "",
		enableTrailers: http1?.enableTrailers ?? false,
		allowCustomMethods: http1?.allowCustomMethods ?? false,
		allowAbsoluteUrl: http1?.allowAbsoluteUrl ?? true,
		headerCase,
		maxHeadBytes: headKb > 0 ? headKb * 1024 : HCM_DEFAULTS.http1.maxHeadBytes,
		maxFields: common?.maxHeadersCount ?? HCM_DEFAULTS.http1.maxFields,
	};
}

function parseTimeouts(message: HttpConnectionManager, common: HttpProtocolOptions | undefined): HcmConfig["timeouts"] {
	const defaults = HCM_DEFAULTS.timeouts;
	return {
		idleMs: ms(common?.idleTimeout, defaults.idleMs),
		streamIdleMs: ms(message.streamIdleTimeout, defaults.streamIdleMs),
		requestMs: ms(message.requestTimeout, defaults.requestMs),
		requestHeadersMs: ms(message.requestHeadersTimeout, defaults.requestHeadersMs),
		delayedCloseMs: ms(message.delayedCloseTimeout, defaults.delayedCloseMs),
		maxConnectionDurationMs: ms(common?.maxConnectionDuration, defaults.maxConnectionDurationMs),
		endsAfterAnswerOnly: message.http1SafeMaxConnectionDuration,
		maxStreamDurationMs: ms(common?.maxStreamDuration, defaults.maxStreamDurationMs),
		drainMs: ms(message.drainTimeout, defaults.drainMs),
	};
}

function parsePath(message: HttpConnectionManager): PathSettings {
	const any = message.stripPortMode.case === "stripAnyHostPort" && message.stripPortMode.value;
	const matching = message.stripMatchingHostPort ? "matching" : "no";
	return {
		normalizePath: message.normalizePath ?? false,
		mergeSlashes: message.mergeSlashes,
		escapedSlashes: ESCAPED_SLASHES[message.pathWithEscapedSlashesAction],
		stripPort: any ? "any" : matching,
		stripTrailingHostDot: message.stripTrailingHostDot,
	};
}

/** x-request-id as the UUID extension writes it; there is no other. */
function parseRequestIdRules(message: HttpConnectionManager, at: FieldPath, problems: Problem[]): RequestIdRules {
	const any = message.requestIdExtension?.typedConfig;
	const config = unpackAs(any, UuidRequestIdConfigSchema);
	if (any && !config)
		problems.push(notImplemented(at.field("request_id_extension").field("typed_config"), any.typeUrl));
	return {
		packReason: config?.packTraceReason ?? true,
		useForSampling: config?.useRequestIdForTraceSampling ?? true,
	};
}
function isOn(upgrade: { enabled?: boolean | undefined }): boolean {
	return upgrade.enabled ?? true;
}

function ms(duration: Duration | undefined, otherwise: number): number {
	return duration ? durationMs(duration) : otherwise;
}

function missing(at: FieldPath): Problem {
	return problem("LTN3103", at.toString(), "the field is required", "set it");
}

function notImplemented(at: FieldPath, what = "the field"): Problem {
	return problem("LTN3101", at.toString(), `${what} is not implemented by this proxy`, "remove the field");
}
