import type { FieldPath } from "../../../lib/field-path.ts";
import type {
	BufferSettings,
	ExtAuthz,
	ExtAuthzPerRoute,
} from "../../../xds/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts";
import { perMillion } from "../../router/match/fraction.ts";
import { compileMetadataMatcher } from "../../router/match/value-matcher.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { parseGrpcService } from "../grpc-service.ts";
import type { HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import type { AuthzService, ShownHeaders } from "./authz-request.ts";
import type { BodySettings, ExtAuthzDeps, ExtAuthzRoute, ExtAuthzSettings } from "./ext-authz-settings.ts";
import { ExtAuthzStream } from "./ext-authz-stream.ts";
import { grpcAuthzService } from "./grpc-service.ts";
import { compileHeaderList } from "./header-list.ts";
import { compileHttpService } from "./http-service.ts";

const TYPE = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3";
const DEFAULT_TIMEOUT_MS = 200;
const FORBIDDEN = 403;

/** Requests that another service decides about (Envoy: external authorization filter). */
export function extAuthzFilter(deps: ExtAuthzDeps): HttpFilterFactory {
	return {
		typeUrl: `${TYPE}.ExtAuthz`,
		routeTypeUrl: `${TYPE}.ExtAuthzPerRoute`,
		parse(config, path, name) {
			const settings = readingConfig(path, (at, problems) =>
				parseConfig(config as ExtAuthz, name, { at, problems, deps }),
			);
			return { name, create: () => new ExtAuthzStream(settings) };
		},
		parseRoute: (config, path) =>
			readingConfig(path, (at, problems) => parseRoute(config as ExtAuthzPerRoute, at, problems)),
	};
}

interface ParseScope {
	readonly at: FieldPath;
	readonly problems: ProblemList;
	readonly deps: ExtAuthzDeps;
}

function parseConfig(config: ExtAuthz, name: string, scope: ParseScope): ExtAuthzSettings {
	const { at, problems, deps } = scope;
	const statPrefix = config.statPrefix === "" ? "ext_authz." : `ext_authz.${config.statPrefix}.`;
	for (const stat of ["ok", "denied", "error", "disabled", "failure_mode_allowed"])
		deps.counter(`${statPrefix}${stat}`);
	const metadata = config.filterEnabledMetadata;
	return {
		name,
		service: parseService(config, scope),
		addsHeaders: config.services.case === "httpService",
		body: config.withRequestBody && parseBody(config.withRequestBody, at.field("with_request_body"), problems),
		enabled: config.filterEnabled ? perMillion(config.filterEnabled.defaultValue, 0) : 1_000_000,
		enabledByMetadata: metadata && compileMetadataMatcher(metadata, at.field("filter_enabled_metadata"), problems),
		denyAtDisable: config.denyAtDisable?.defaultValue ?? false,
		failureModeAllow: config.failureModeAllow,
		markFailureModeAllowed: config.failureModeAllowHeaderAdd,
		clearRouteCache: config.clearRouteCache,
		statusOnError: config.statusOnError?.code || FORBIDDEN,
		shadow: config.shadowMode,
		maxDeniedBodyBytes: config.maxDeniedResponseBodyBytes,
		readsMetadata: config.enableDynamicMetadataIngestion ?? true,
		chargeCluster: config.chargeClusterResponseStats ?? true,
		statPrefix,
		deps,
	};
}

function parseService(config: ExtAuthz, { at, problems, deps }: ParseScope): AuthzService {
	const shown: ShownHeaders = {
		allowed: compileHeaderList(config.allowedHeaders, at.field("allowed_headers"), problems),
		disallowed: compileHeaderList(config.disallowedHeaders, at.field("disallowed_headers"), problems),
	};
	const { services } = config;
	if (services.case === "httpService")
		return compileHttpService(services.value, at.field("http_service"), { ...deps, problems, shown });
	if (services.case === undefined)
		problems.add("missing", at, "there is no service", "set grpc_service or http_service");
	const target =
		services.case === "grpcService"
			? parseGrpcService(services.value, DEFAULT_TIMEOUT_MS, at.field("grpc_service"), problems)
			: { cluster: "", authority: "", timeoutMs: 0, metadata: [] };
	const settings = {
		shown,
		packAsBytes: config.withRequestBody?.packAsBytes ?? false,
		rawHeaders: config.encodeRawHeaders,
		peerCertificate: config.includePeerCertificate,
		tlsSession: config.includeTlsSession,
		metadataNamespaces: config.metadataContextNamespaces,
		routeMetadataNamespaces: config.routeMetadataContextNamespaces,
	};
	return grpcAuthzService(target, settings, deps);
}

function parseBody(settings: BufferSettings, at: FieldPath, problems: ProblemList): BodySettings {
	if (settings.maxRequestBytes === 0) problems.add("invalid", at.field("max_request_bytes"), "no byte would be shown");
	return { maxBytes: settings.maxRequestBytes, allowPartial: settings.allowPartialMessage };
}

const NO_ROUTE: ExtAuthzRoute = { disabled: false, contextExtensions: {}, withoutBody: false, body: undefined };

function parseRoute({ override }: ExtAuthzPerRoute, at: FieldPath, problems: ProblemList): ExtAuthzRoute {
	if (override.case === "disabled") {
		if (!override.value) problems.add("invalid", at.field("disabled"), "disabled can only be true");
		return { ...NO_ROUTE, disabled: true };
	}
	if (override.case === undefined) {
		problems.add("missing", at, "the config says neither disabled nor check_settings");
		return NO_ROUTE;
	}
	const { contextExtensions, disableRequestBodyBuffering, withRequestBody } = override.value;
	const settingsAt = at.field("check_settings");
	if (disableRequestBodyBuffering && withRequestBody)
		problems.add("invalid", settingsAt, "disable_request_body_buffering and with_request_body exclude each other");
	return {
		disabled: false,
		contextExtensions,
		withoutBody: disableRequestBodyBuffering,
		body: withRequestBody && parseBody(withRequestBody, settingsAt.field("with_request_body"), problems),
	};
}
