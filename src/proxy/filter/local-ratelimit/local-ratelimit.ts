import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../../../lib/clock.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { Random } from "../../../lib/random.ts";
import type { Metrics } from "../../../telemetry/metric-registry.ts";
import type { Counter } from "../../../telemetry/metrics.ts";
import type { RuntimeFractionalPercent } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { VhRateLimitsOptions } from "../../../xds/generated/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts";
import type { LocalRateLimit } from "../../../xds/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.ts";
import type { TokenBucket as TokenBucketMessage } from "../../../xds/generated/envoy/type/v3/token_bucket_pb.ts";
import { HeaderMap } from "../../http/header-map.ts";
import type { ResponseHead } from "../../http/message.ts";
import type { FormatEnvironment } from "../../router/format/format-context.ts";
import { compileHeaderOperations, type HeaderOperations } from "../../router/headers/header-operations.ts";
import { perMillion } from "../../router/match/fraction.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { describeByRoute, describeRequest } from "../../router/rate-limit/describe-request.ts";
import type { RateLimitDescriptor } from "../../router/rate-limit/descriptor.ts";
import { compileRateLimits, type RateLimitPolicy } from "../../router/rate-limit/rate-limit-policy.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import { type LimiterSettings, type LimitResult, LocalLimiter } from "./local-limiter.ts";
import type { BucketSettings } from "./token-bucket.ts";

const TYPE_URL = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
const MIN_FILL_MS = 50;
const DEFAULT_MAX_DYNAMIC = 20;
const MAX_STAGE = 10;
const TOO_MANY_REQUESTS = 429;
const RESOURCE_EXHAUSTED = 8;

export interface LocalRateLimitDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly env: FormatEnvironment;
	readonly serviceCluster: string;
	/** Stats are named by the config: `<stat_prefix>.http_local_rate_limit.ok`. */
	readonly metrics: Pick<Metrics, "scope">;
}

/** The limits of one listener or route; what counts tokens lives as long as the configuration. */
interface Limits {
	readonly enabled: number;
	readonly enforced: number;
	readonly settings: LimiterSettings;
	readonly limiter: LocalLimiter;
	readonly perConnection: boolean;
	readonly stage: number;
	/** The filter's own rate limits; empty: those of the route count. */
	readonly policy: RateLimitPolicy;
	readonly virtualHost: "override" | "include" | "ignore";
	readonly status: number;
	readonly grpcStatus: number | undefined;
	readonly limitHeaders: boolean;
	readonly retryAfter: boolean;
	readonly responseHeaders: HeaderOperations | undefined;
	readonly requestHeaders: HeaderOperations | undefined;
	readonly stats: Stats;
}

type Stats = Readonly<Record<"enabled" | "enforced" | "rate_limited" | "ok" | "shadow_mode", Counter>>;

/** Limits that each proxy keeps by itself (Envoy: local rate limit filter). */
export function localRateLimitFilter(deps: LocalRateLimitDeps): HttpFilterFactory {
	const parseLimits = (config: unknown, path: string) =>
		readingConfig(path, (at, problems) => parseConfig(config as LocalRateLimit, { at, problems, deps }));
	return {
		typeUrl: TYPE_URL,
		parse(config, path, name) {
			const limits = parseLimits(config, path);
			return { name, create: () => new LocalRateLimitStream(name, limits, deps) };
		},
		parseRoute(config, path) {
			const limits = parseLimits(config, path);
			if (!(config as LocalRateLimit).tokenBucket)
				readingConfig(path, (at, problems) =>
					problems.add("missing", at.field("token_bucket"), "the limits of a route need a token bucket"),
				);
			return limits;
		},
	};
}

interface ParseScope {
	readonly at: FieldPath;
	readonly problems: ProblemList;
	readonly deps: LocalRateLimitDeps;
}

function parseConfig(config: LocalRateLimit, scope: ParseScope): Limits {
	const { at, problems, deps } = scope;
	if (config.statPrefix === "") problems.add("missing", at.field("stat_prefix"), "the filter has no stat prefix");
	if (config.stage > MAX_STAGE) problems.add("invalid", at.field("stage"), `a stage is at most ${MAX_STAGE}`);
	const settings = parseSettings(config, scope);
	const on = { env: deps.env, problems };
	const status = config.status?.code ?? 0;
	return {
		enabled: share(config.filterEnabled),
		enforced: share(config.filterEnforced),
		settings,
		limiter: new LocalLimiter(settings, deps.clock.nowMs()),
		perConnection: config.localRateLimitPerDownstreamConnection,
		stage: config.stage,
		policy: compileRateLimits(config.rateLimits, at.field("rate_limits"), on, "filter"),
		virtualHost: VIRTUAL_HOST[config.vhRateLimits] ?? "override",
		status: status >= 400 ? status : TOO_MANY_REQUESTS,
		grpcStatus: config.rateLimitedAsResourceExhausted ? RESOURCE_EXHAUSTED : undefined,
		limitHeaders: config.enableXRatelimitHeaders !== 0,
		retryAfter: config.enableRetryAfterHeader,
		responseHeaders: headerOperations(config.responseHeadersToAdd, at.field("response_headers_to_add"), scope),
		requestHeaders: headerOperations(
			config.requestHeadersToAddWhenNotEnforced,
			at.field("request_headers_to_add_when_not_enforced"),
			scope,
		),
		stats: statsOf(config.statPrefix, deps),
	};
}

const VIRTUAL_HOST: Readonly<Record<number, Limits["virtualHost"]>> = {
	[VhRateLimitsOptions.OVERRIDE]: "override",
	[VhRateLimitsOptions.INCLUDE]: "include",
	[VhRateLimitsOptions.IGNORE]: "ignore",
};

/** Absent means never. */
function share(percent: RuntimeFractionalPercent | undefined): number {
	return percent ? perMillion(percent.defaultValue, 0) : 0;
}

function headerOperations(
	add: LocalRateLimit["responseHeadersToAdd"],
	at: FieldPath,
	{ problems, deps }: ParseScope,
): HeaderOperations | undefined {
	return compileHeaderOperations({ add, remove: [], addAt: at, removeAt: at }, deps.env, problems);
}

function statsOf(prefix: string, { metrics }: LocalRateLimitDeps): Stats {
	// Taken for as long as the process runs: routes come and go with the same prefix.
	const scope = metrics.scope(`${prefix}.http_local_rate_limit.`);
	const names = ["enabled", "enforced", "rate_limited", "ok", "shadow_mode"] as const;
	return Object.fromEntries(names.map((name) => [name, scope.counter(name)])) as Stats;
}

function parseSettings(config: LocalRateLimit, { at, problems }: ParseScope): LimiterSettings {
	const bucket = config.tokenBucket && parseBucket(config.tokenBucket, at.field("token_bucket"), problems);
	const descriptors = config.descriptors.flatMap(({ entries, tokenBucket, shadowMode }, i) => {
		const itemAt = at.field("descriptors").index(i);
		if (entries.length === 0) problems.add("missing", itemAt.field("entries"), "the descriptor has no entries");
		if (!tokenBucket) problems.add("missing", itemAt.field("token_bucket"), "the descriptor has no token bucket");
		const own = tokenBucket && parseBucket(tokenBucket, itemAt.field("token_bucket"), problems);
		return own ? [{ entries, bucket: own, shadow: shadowMode }] : [];
	});
	return {
		bucket,
		descriptors,
		alwaysTakeDefault: config.alwaysConsumeDefaultTokenBucket ?? true,
		maxDynamic: config.maxDynamicDescriptors ?? DEFAULT_MAX_DYNAMIC,
	};
}

function parseBucket(message: TokenBucketMessage, at: FieldPath, problems: ProblemList): BucketSettings {
	const fillIntervalMs = message.fillInterval ? durationMs(message.fillInterval) : 0;
	const tokensPerFill = message.tokensPerFill ?? 1;
	if (message.maxTokens === 0) problems.add("invalid", at.field("max_tokens"), "the bucket holds no tokens");
	if (tokensPerFill === 0) problems.add("invalid", at.field("tokens_per_fill"), "the bucket is never filled");
	if (fillIntervalMs < MIN_FILL_MS)
		problems.add("invalid", at.field("fill_interval"), `the bucket must be filled at most every ${MIN_FILL_MS} ms`);
	return { maxTokens: message.maxTokens, tokensPerFill, fillIntervalMs };
}

/** One stream. */
class LocalRateLimitStream implements HttpFilter {
	readonly #name: string;
	readonly #deps: LocalRateLimitDeps;
	#limits: Limits;
	#result: LimitResult | undefined = undefined;

	constructor(name: string, limits: Limits, deps: LocalRateLimitDeps) {
		this.#name = name;
		this.#limits = limits;
		this.#deps = deps;
	}

	decodeHeaders(stream: FilterStream): "pass" | "stop" {
		this.#limits = (stream.routeConfig(this.#name) as Limits | undefined) ?? this.#limits;
		const { enabled, stats } = this.#limits;
		if (!this.#drawn(enabled)) return "pass";
		stats.enabled.inc();
		const result = this.#limiterFor(stream).decide(this.#descriptors(stream), this.#deps.clock.nowMs());
		this.#result = result;
		if (result.shadow) {
			stats.shadow_mode.inc();
			stats.rate_limited.inc();
			return "pass";
		}
		if (result.allowed) {
			stats.ok.inc();
			return "pass";
		}
		stats.rate_limited.inc();
		return this.#refuse(stream, result);
	}

	encodeHeaders(_stream: FilterStream, { headers }: ResponseHead): "pass" {
		const result = this.#result;
		if (!result?.bucket || !(result.headers ?? this.#limits.limitHeaders)) return "pass";
		const nowMs = this.#deps.clock.nowMs();
		headers.append("x-ratelimit-limit", String(result.bucket.maxTokens));
		headers.append("x-ratelimit-remaining", String(result.bucket.remaining(nowMs)));
		headers.append("x-ratelimit-reset", String(result.bucket.secondsToNext(nowMs)));
		return "pass";
	}

	#refuse(stream: FilterStream, { bucket }: LimitResult): "pass" | "stop" {
		const limits = this.#limits;
		const { request, info } = stream;
		if (!this.#drawn(limits.enforced)) {
			limits.requestHeaders?.apply(request.headers, { info, request });
			return "pass";
		}
		limits.stats.enforced.inc();
		const headers = new HeaderMap();
		limits.responseHeaders?.apply(headers, { info, request });
		if (limits.retryAfter && bucket)
			headers.append("retry-after", String(bucket.secondsToNext(this.#deps.clock.nowMs())));
		stream.sendLocalReply({
			status: limits.status,
			body: "local_rate_limited",
			flag: "RL",
			details: "local_rate_limited",
			headers: headers.names.map((name, i) => [name, headers.values[i]!] as const),
			...(limits.grpcStatus !== undefined && { grpcStatus: limits.grpcStatus }),
		});
		return "stop";
	}

	#drawn(share: number): boolean {
		return share >= 1_000_000 || (share > 0 && this.#deps.random.below(1_000_000) < share);
	}

	#descriptors(stream: FilterStream): readonly RateLimitDescriptor[] {
		const { settings, policy, stage, virtualHost } = this.#limits;
		if (settings.descriptors.length === 0) return [];
		const { serviceCluster } = this.#deps;
		if (!policy.empty) return describeRequest([policy], stage, stream, serviceCluster);
		return describeByRoute(virtualHost, stage, stream, serviceCluster);
	}

	/** Buckets of a connection are kept with it, by the limits that they are of. */
	#limiterFor({ connection }: FilterStream): LocalLimiter {
		const { perConnection, settings, limiter } = this.#limits;
		if (!perConnection) return limiter;
		const known = connection.filterState.get(PER_CONNECTION) as Map<LimiterSettings, LocalLimiter> | undefined;
		const limiters = known ?? new Map<LimiterSettings, LocalLimiter>();
		if (!known) connection.filterState.set(PER_CONNECTION, limiters);
		let own = limiters.get(settings);
		if (!own) {
			own = new LocalLimiter(settings, this.#deps.clock.nowMs());
			limiters.set(settings, own);
		}
		return own;
	}
}

const PER_CONNECTION = "local_rate_limit.per_connection";
