import type { Random } from "../../lib/random.ts";
import type { MetadataMatch } from "../http/info/metadata-match.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { LocalReply, RequestHead, ResponseHead } from "../http/message.ts";
import type { InternalRedirects } from "./action/internal-redirect.ts";
import type { FormatContext } from "./format/format-context.ts";
import type { VirtualClusterOf } from "./match/virtual-cluster.ts";
import type { RouteRateLimits } from "./rate-limit/rate-limit-policy.ts";
import type { RetryPolicy } from "./retry.ts";
import type { RouteTracing } from "./tracing/route-tracing.ts";

/** A route configuration, compiled: finding a route never walks the whole table. Immutable. */
export interface RouteTable {
	readonly name: string;
	/** Fields that clients outside may not send, in lower case; taken off before filters see the request. */
	readonly internalOnlyHeaders?: readonly string[];
	/** The first route that matches, or undefined (answer: 404, flag NR). Pure but for `random` (runtime fractions, weights are later). */
	match(request: RequestHead, ctx: RouteContext): RouteMatch | undefined;
}

export interface RouteContext {
	readonly random: Random;
	/** For source-IP hashing, %DOWNSTREAM...% operators and the like. */
	readonly info: StreamInfo;
}

/** What was decided for a request. */
export interface RouteMatch {
	readonly routeName: string;
	readonly virtualHostName: string;
	readonly action: RouteAction;
	/** `typed_per_filter_config`, the most specific of route, virtual host, configuration; by filter name. */
	perFilterConfig(filterName: string): unknown;
	/** The settings of every level that has some, the most specific first. */
	perFilterConfigs(filterName: string): readonly unknown[];
	/** What the most specific entry for a filter says; undefined when there is none: the connection manager's word counts. */
	filterDisabled(filterName: string): boolean | undefined;
	/** The same route for a drawn cluster: a weighted cluster may have filter configs of its own. */
	forChoice(choice: ClusterChoice): RouteMatch;
	/** False: `filterDisabled` is undefined for every filter. */
	readonly switchesFilters: boolean;
	/** Name for a trace's span; empty: the default. */
	readonly decoratorOperation: string;
	/** Tell that name to the other side (x-envoy-decorator-operation). */
	readonly decoratorPropagates: boolean;
	/** The route's own tracing; undefined: the connection manager's. */
	readonly tracing: RouteTracing | undefined;
	/** Under which name of its virtual host a request is counted too; undefined: the virtual host has no virtual clusters. */
	readonly virtualCluster: VirtualClusterOf | undefined;
	/** Part of the name of this route's own stats (`vhost.<virtual host>.route.<prefix>.`); empty: none. */
	readonly statPrefix: string;
	/** `rate_limits` of the route and of its virtual host; filters that limit look for theirs. */
	readonly rateLimits: RouteRateLimits;
	/** Route metadata (`filter_metadata`), plain objects. */
	readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
	/** Request headers before they go upstream: header operations in Envoy's order, rewrites of path and host. Changes `request`. */
	finalizeRequest(request: RequestHead, info: StreamInfo, cluster: ClusterChoice | undefined): void;
	/** Response header operations; also on redirects and direct responses. Changes `response`. */
	finalizeResponse(
		response: ResponseHead,
		request: RequestHead,
		info: StreamInfo,
		cluster: ClusterChoice | undefined,
	): void;
}

export type RouteAction =
	| { readonly kind: "forward"; readonly forward: ForwardAction }
	/** Redirects and direct responses, ready to send. */
	| { readonly kind: "reply"; reply(request: RequestHead, info: StreamInfo): LocalReply };

export interface ForwardAction {
	/**
	 * Draws the cluster. `excluded` says which clusters of a weighted route have every endpoint ejected: their weight goes
	 * to the others (design D4) when the route's metadata asks for it (`lateen: {weighted_failover: true}`).
	 */
	chooseCluster(
		request: RequestHead,
		random: Random,
		excluded: (cluster: string) => boolean,
		info?: StreamInfo,
	): ClusterChoice;
	/** The names of all clusters that `chooseCluster` may draw for this request. */
	clusters(request: RequestHead): readonly string[];
	/** `priority: HIGH`: circuit breakers of its own. */
	readonly highPriority: boolean;
	/** Status when the cluster does not exist (503 or 404 or 500). */
	readonly clusterNotFoundStatus: number;
	/** Whole request including retries; 0 = none. */
	readonly timeoutMs: number;
	/** Undefined: the connection manager's. 0 = none. */
	readonly idleTimeoutMs: number | undefined;
	/** `max_stream_duration`; undefined: the connection manager's limit. */
	readonly streamDuration: StreamDuration | undefined;
	readonly retryPolicy: RetryPolicy | undefined;
	/** `hedge_on_per_try_timeout`: a try that takes too long goes on beside the next one. */
	readonly hedgesOnTimeout: boolean;
	/** Redirects of endpoints that the proxy follows itself; undefined: none. */
	readonly internalRedirects: InternalRedirects | undefined;
	/** Undefined when no policy yields a hash; `newCookies` are to be set on the response. */
	hash(
		request: RequestHead,
		info: StreamInfo,
	): { readonly hash: bigint | undefined; readonly newCookies: readonly string[] };
	/** Upgrade types (lower case: `websocket`, `connect`) that this route allows ... */
	readonly upgrades: ReadonlySet<string>;
	/** ... and forbids, over what the connection manager says. */
	readonly forbiddenUpgrades: ReadonlySet<string>;
	/** A CONNECT ends here: its bytes go to the endpoint as they are (`connect_config`). */
	readonly terminatesConnect: boolean;
	/** The host becomes the endpoint's host name, where it has one. */
	readonly autoHostRewrite: boolean;
	readonly appendForwardedHost: boolean;
	readonly includeAttemptCount: boolean;
	/** Retries tell by x-envoy-is-timeout-retry whether the attempt before them timed out. */
	readonly includeTimeoutRetryHeader: boolean;
	/** Add x-envoy-attempt-count to the response too. */
	readonly includeAttemptCountInResponse: boolean;
	/** Limit for a client's `grpc-timeout`, which then takes the place of `timeoutMs`: 0 = any; undefined: the header is not looked at. */
	readonly maxGrpcTimeoutMs: number | undefined;
	/** Taken off a client's `grpc-timeout`. */
	readonly grpcTimeoutOffsetMs: number;
	/** Bytes of a request's body that are kept for another attempt or a redirect; undefined: what the listener keeps of any message. */
	readonly bufferLimitBytes: number | undefined;
	/** Clusters that get a copy of the request; their answers are dropped. */
	readonly mirrors: readonly MirrorPolicy[];
}

/** How long a stream may last. Milliseconds. */
export interface StreamDuration {
	/** 0 = however long; undefined: the connection manager's limit. */
	readonly maxMs: number | undefined;
	/** A gRPC client's `grpc-timeout` counts instead, up to so much: 0 = any; undefined: it does not. */
	readonly grpcMaxMs: number | undefined;
	/** Taken off a client's `grpc-timeout`. */
	readonly grpcOffsetMs: number;
}

/** Compiled `request_mirror_policies` entry. */
export interface MirrorPolicy {
	/** The cluster for this request; undefined when the header that names it is not there. */
	cluster(request: RequestHead): string | undefined;
	/** True when this request is among the share that is mirrored. */
	sampled(random: Random): boolean;
	/** Whether the copy's span is reported; undefined: as the request's. */
	readonly traceSampled: boolean | undefined;
	/** Changes the copy's fields and its host, which is the request's own at first (after rewrites). */
	prepare(copy: RequestHead, ctx: FormatContext): void;
}

export interface ClusterChoice {
	readonly cluster: string;
	/** Index into the weighted clusters, for their header operations; -1 with a single cluster. */
	readonly weightedIndex: number;
	/** What endpoints' `envoy.lb` metadata must be (`metadata_match` of route and weighted cluster); undefined: anything. */
	readonly metadataMatch?: MetadataMatch | undefined;
}
