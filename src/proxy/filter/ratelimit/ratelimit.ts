import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { RuntimeFractionalPercent } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	type RateLimit,
	type RateLimitPerRoute,
	RateLimitPerRoute_VhRateLimitsOptions as VhOptions,
} from "../../../xds/generated/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.ts";
import { compileHeaderOperations } from "../../router/headers/header-operations.ts";
import { perMillion } from "../../router/match/fraction.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { compileRateLimits } from "../../router/rate-limit/rate-limit-policy.ts";
import { type GrpcTarget, parseGrpcService } from "../grpc-service.ts";
import type { HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import type { RateLimitDeps, RateLimitRoute, RateLimitSettings } from "./ratelimit-settings.ts";
import { RateLimitStream } from "./ratelimit-stream.ts";

const TYPE = "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3";
const DEFAULT_TIMEOUT_MS = 20;
const MAX_STAGE = 10;
const TOO_MANY_REQUESTS = 429;
const INTERNAL_ERROR = 500;
const RESOURCE_EXHAUSTED = 8;

/** Limits that a service keeps for all proxies together (Envoy: rate limit filter). */
export function rateLimitFilter(deps: RateLimitDeps): HttpFilterFactory {
	return {
		typeUrl: `${TYPE}.RateLimit`,
		routeTypeUrl: `${TYPE}.RateLimitPerRoute`,
		parse(config, path, name) {
			const settings = readingConfig(path, (at, problems) =>
				parseConfig(config as RateLimit, name, { at, problems, deps }),
			);
			return { name, create: () => new RateLimitStream(settings) };
		},
		parseRoute: (config, path) =>
			readingConfig(path, (at, problems) => parseRoute(config as RateLimitPerRoute, { at, problems, deps })),
	};
}

interface ParseScope {
	readonly at: FieldPath;
	readonly problems: ProblemList;
	readonly deps: RateLimitDeps;
}

function parseConfig(config: RateLimit, name: string, scope: ParseScope): RateLimitSettings {
	const { at, problems, deps } = scope;
	if (config.domain === "") problems.add("missing", at.field("domain"), "the filter has no domain");
	if (config.stage > MAX_STAGE) problems.add("invalid", at.field("stage"), `a stage is at most ${MAX_STAGE}`);
	const headersAt = at.field("response_headers_to_add");
	const headers = { add: config.responseHeadersToAdd, remove: [], addAt: headersAt, removeAt: headersAt };
	const limitedStatus = config.rateLimitedStatus?.code ?? 0;
	return {
		name,
		domain: config.domain,
		target: parseTarget(config, scope),
		stage: config.stage,
		requestType: parseRequestType(config.requestType, at.field("request_type"), problems),
		enabled: share(config.filterEnabled, 1_000_000),
		enforced: share(config.filterEnforced, 1_000_000),
		failureDeny: share(config.failureModeDenyPercent, config.failureModeDeny ? 1_000_000 : 0),
		policy: compileRateLimits(config.rateLimits, at.field("rate_limits"), { env: deps.env, problems }, "filter"),
		limitedStatus: limitedStatus >= 400 ? limitedStatus : TOO_MANY_REQUESTS,
		grpcStatus: config.rateLimitedAsResourceExhausted ? RESOURCE_EXHAUSTED : undefined,
		statusOnError: config.statusOnError?.code || INTERNAL_ERROR,
		limitHeaders: config.enableXRatelimitHeaders !== 0,
		limitedHeader: !config.disableXEnvoyRatelimitedHeader,
		retryAfter: config.enableRetryAfterHeader,
		responseHeaders: compileHeaderOperations(headers, deps.env, problems),
		statPrefix: config.statPrefix === "" ? "ratelimit." : `ratelimit.${config.statPrefix}.`,
		metadataNamespace: config.metadataNamespace || "envoy.filters.http.ratelimit",
		deps,
	};
}

function share(percent: RuntimeFractionalPercent | undefined, otherwise: number): number {
	return percent ? perMillion(percent.defaultValue, 0) : otherwise;
}

function parseTarget(config: RateLimit, { at, problems }: ParseScope): GrpcTarget {
	const timeoutMs = config.timeout ? durationMs(config.timeout) : DEFAULT_TIMEOUT_MS;
	const serviceAt = at.field("rate_limit_service").field("grpc_service");
	const service = config.rateLimitService?.grpcService;
	if (!service) {
		problems.add("missing", serviceAt, "the filter has no service");
		return { cluster: "", authority: "", timeoutMs, metadata: [] };
	}
	// The filter's own timeout is the one that counts.
	return { ...parseGrpcService(service, timeoutMs, serviceAt, problems), timeoutMs };
}

function parseRequestType(text: string, at: FieldPath, problems: ProblemList): RateLimitSettings["requestType"] {
	if (text === "internal" || text === "external") return text;
	if (text !== "" && text !== "both") problems.add("invalid", at, `"${text}" is none of internal, external, both`);
	return "both";
}

const VIRTUAL_HOST: Readonly<Record<number, RateLimitRoute["virtualHost"]>> = {
	[VhOptions.OVERRIDE]: "override",
	[VhOptions.INCLUDE]: "include",
	[VhOptions.IGNORE]: "ignore",
};
function parseRoute(config: RateLimitPerRoute, { at, problems, deps }: ParseScope): RateLimitRoute {
	const on = { env: deps.env, problems };
	return {
		virtualHost: VIRTUAL_HOST[config.vhRateLimits] ?? "override",
		domain: config.domain,
		policy: compileRateLimits(config.rateLimits, at.field("rate_limits"), on, "filter"),
	};
}
