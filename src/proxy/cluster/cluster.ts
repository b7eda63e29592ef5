import type { Counter, Gauge, Histogram } from "../../telemetry/metrics.ts";
import type { HeaderCase } from "../http/header-case.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { Http2Options } from "../http/http2/http2-options.ts";
import type { Http2Stats } from "../http/http2/http2-stats.ts";
import type { MetadataMatch } from "../http/info/metadata-match.ts";
import type { MetadataPlace, OverrideHostConfig } from "./balance/override-host.ts";

/** One endpoint as the request path knows it; lives as long as its address is in the cluster. */
export interface Host {
	/** `ip:port`, or the path of a Unix socket: the key. */
	readonly address: string;
	/** Empty on Unix sockets. */
	readonly ip: string;
	readonly port: number;
	/** Where to connect to, first choice first; more than one: happy eyeballs. */
	readonly addresses: readonly DialAddress[];
	/** Name of the endpoint, "" when not known: for SNI and host rewrites. */
	readonly hostname: string;
	readonly canary: boolean;
	readonly weight: number;
	/** Level of preference, 0 first. */
	readonly priority: number;
	readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
	readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
	/** Requests in flight; kept by whoever sends (forward), read by LEAST_REQUEST. */
	activeRequests: number;
	readonly ejected: boolean;
	readonly healthy: boolean;
	/** Set when the endpoint has left the cluster: pools close when idle. */
	readonly removed: boolean;
	readonly stats: HostStats;
	/** The connection pools of this endpoint; belongs to `upstream`, opaque here. */
	pool: unknown;
	/**
	 * Called when the host has left the cluster (`removed`: idle connections are to close) or when all its connections are to be cut
	 * (`close_connections_on_host_health_failure`); set by `upstream`.
	 */
	onRetired: ((how: "left" | "cut") => void) | undefined;
	/** To be called when an answer says that the endpoint is degraded; undefined: nobody is interested. */
	readonly onDegraded?: (() => void) | undefined;
	/** To be called with the headers (or trailers) of each answer; undefined: nobody is interested. */
	readonly onLoadReport?: ((headers: HeaderMap) => void) | undefined;
}

export type DialAddress = { readonly ip: string; readonly port: number } | { readonly path: string };

export interface HostStats {
	rqTotal: number;
	rqSuccess: number;
	rqError: number;
	rqTimeout: number;
	/** Requests that wait for a connection. */
	rqPendingActive: number;
	cxTotal: number;
	cxActive: number;
	cxConnectFail: number;
}

export interface PickContext {
	/** From the route's hash policy; undefined: none. */
	readonly hash: bigint | undefined;
	/** Hosts already tried, when the retry policy avoids them. */
	readonly avoid: ReadonlySet<Host> | undefined;
	readonly hostSelectionAttempts: number;
	/** Levels that a retry leaves out while another has healthy endpoints. */
	readonly avoidPriorities?: ReadonlySet<number> | undefined;
	/** An aggregate cluster has chosen the priority already. */
	readonly onlyPriority?: { readonly priority: number; readonly degraded: boolean } | undefined;
	/** What `destinationHeader` says, in clusters that have one; else where the client's connection meant to go (`ip:port`). */
	readonly destination?: string | undefined;
	/** What the route asks of endpoints' `envoy.lb` metadata (subsets); undefined: nothing. */
	readonly metadataMatch?: MetadataMatch | undefined;
	/** Other reasons not to take a host: the retry policy's predicates. */
	readonly rejects?: ((host: Host) => boolean) | undefined;
}

/** A cluster as the request path uses it. Swapped whole on a configuration change; hosts with the same address carry over. */
export interface UpstreamCluster {
	readonly name: string;
	readonly info: ClusterInfo;
	readonly stats: ClusterStats;
	readonly breakers: CircuitBreakers;
	/** This cluster as requests see it whose route has `priority: HIGH`: with breakers of its own. */
	readonly highPriority: UpstreamCluster;
	/** The cluster that a host belongs to: this one, or one of those that an aggregate cluster is made of. */
	memberOf(host: Host): UpstreamCluster;
	/** Whether a stateful session may still use this host (`override_host_status`). */
	mayOverride(host: Host): boolean;
	/** Draws whether this request is dropped for overload (`drop_overloads`); "all": every request is. */
	dropsRequest(): "no" | "this" | "all";
	/** Undefined: no healthy upstream (503, UH). */
	pick(ctx: PickContext): Host | undefined;
	/** True when it has endpoints and every one is out by outlier ejection. */
	allEjected(): boolean;
	hosts(): readonly Host[];
	/** Feeds outlier detection: a response's status ... */
	reportStatus(host: Host, status: number): void;
	/** ... or a failure that no response came from (connect failure, reset, timeout). */
	reportLocalFailure(host: Host, kind: "connect" | "timeout" | "reset"): void;
	/** The endpoint answered `x-envoy-immediate-health-check-fail`: it is out until its health check passes. */
	reportImmediateFailure(host: Host): void;
}

export interface ClusterInfo {
	readonly connectTimeoutMs: number;
	/** Connections to one endpoint (`per_host_thresholds`). */
	readonly maxConnectionsPerHost: number;
	/** Requests of one client's connection share upstream connections with no other's. */
	readonly poolPerConnection?: boolean;
	/** Connections that are opened ahead: so many per request that waits or is answered, 1 = none ahead. */
	readonly preconnectRatio?: number;
	/** What of each attempt is recorded besides its time; undefined: nothing. */
	readonly tracks?: { readonly timeouts: boolean; readonly sizes: boolean } | undefined;
	/** 0 = no limit. */
	readonly maxRequestsPerConnection: number;
	/** 0 = never. */
	readonly idleTimeoutMs: number;
	/** A connection gets no new request once it is this old; 0 = however old. */
	readonly maxConnectionDurationMs: number;
	/** How the system probes idle connections; undefined: it does not. */
	readonly keepAlive: KeepAlive | undefined;
	/** "auto": what TLS agrees on (ALPN). */
	readonly httpProtocol: "http1" | "http2" | "downstream" | "auto";
	/** Trailers pass over HTTP/1 connections (`enable_trailers`); otherwise they are dropped, both ways. */
	readonly http1Trailers: boolean;
	readonly http1HeaderCase: HeaderCase;
	/** Requests name scheme and host before their path (`send_fully_qualified_url`). */
	readonly http1FullUrl?: boolean;
	/** What an answer's head may hold, over HTTP/1 ... */
	readonly http1Limits: { readonly maxBytes: number; readonly maxFields: number };
	/** ... and over HTTP/2. */
	readonly http2Limits: { readonly maxBytes: number; readonly maxFields: number };
	/** An attempt whose connection is there has so long for everything; 0 = however long. */
	readonly maxStreamDurationMs?: number;
	/** For connections that speak HTTP/2. */
	readonly http2: Http2Options;
	/** `metadata.filter_metadata`, e.g. `istio: {services: [{host, name, namespace}]}`. */
	readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
	/** The request may name its endpoint; undefined: it may not. */
	readonly overrideHost?: OverrideHostConfig | undefined;
	/** What it says of requests in place of the route; belongs to `forward` (cluster-rules.ts), opaque here. */
	readonly rules?: unknown;
	/** Request header (or `:authority`) that names the endpoint as `ip:port`; undefined: the balancer chooses. */
	readonly destinationHeader: string | undefined;
	/** Where in dynamic metadata the endpoint is named, when no header does; undefined: nowhere. */
	readonly destinationMetadata?: MetadataPlace | undefined;
	/** The endpoint is where the client's connection meant to go (ORIGINAL_DST), unless header or metadata name one. */
	readonly toOriginalDestination: boolean;
	/** Application protocol by which proxies agree to tell each other who they are (Istio's metadata exchange over TCP); undefined: they do not. */
	readonly peerExchange?: string | undefined;
	/** Requests name their hosts (dynamic_forward_proxy); undefined: they do not. */
	readonly forwardProxy?: { readonly defaultPort: number } | undefined;
	/** Answers and failures are looked at, to eject endpoints. */
	readonly detectsOutliers: boolean;
	/** Endpoints are checked, so that they may say in an answer that they are to be taken out. */
	readonly healthChecked: boolean;
	/** Where connections come from (`upstream_bind_config`); undefined: the system's choice. */
	readonly source: SourceAddress | undefined;
	/** Family that is tried first where an endpoint has several addresses; undefined: that of its first one. */
	readonly firstFamily?: 4 | 6 | undefined;
	readonly perConnectionBufferLimitBytes: number;
	/** How requests choose SNI and expected names (`upstream_http_protocol_options`); undefined: they do not. */
	readonly autoSni?: AutoSni | undefined;
	/** What secures connections to its endpoints; belongs to `upstream` (proxy/tls/cluster-transports.ts), opaque here. Undefined: nothing does. */
	readonly transports?: unknown;
}

/** Names that TLS connections take from the request. */
export interface AutoSni {
	/** Lower-case header in place of the authority; "": the authority. */
	readonly header: string;
	readonly setsSni: boolean;
	readonly validatesSan: boolean;
}

/** Local addresses of connections. */
export interface SourceAddress {
	readonly ip: string;
	/** For endpoints of the other family. */
	readonly otherIp: string | undefined;
	/** 0: the system's choice. */
	readonly port: number;
}

/** Probes of idle connections; what is undefined is the system's choice. */
export interface KeepAlive {
	readonly idleMs: number;
	readonly intervalMs: number | undefined;
	/** Unanswered ones that end the connection. */
	readonly probes: number | undefined;
}

/** Limits of one cluster and priority; every `tryX` that answers true is paired with its `releaseX`. */
export interface CircuitBreakers {
	tryConnection(): boolean;
	releaseConnection(): void;
	tryPending(): boolean;
	releasePending(): void;
	tryRequest(): boolean;
	releaseRequest(): void;
	tryRetry(): boolean;
	releaseRetry(): void;
}

/** Envoy's `cluster.<name>.*` stats that the request path writes. */
export interface ClusterStats {
	readonly upstreamRqTotal: Counter;
	readonly upstreamRqActive: Gauge;
	/** An answer, the endpoint's or one in its place: `upstream_rq_completed`, `upstream_rq_2xx`, `upstream_rq_200`, all again for requests from inside or outside. */
	countStatus(status: number, fromInside: boolean): void;
	/** An answer in whose place the request was sent again: `retry.upstream_rq_503` and so on. */
	countRetriedStatus(status: number): void;
	readonly upstreamRqRetryBackoffExponential: Counter;
	/** The wait that the endpoint asked for. */
	readonly upstreamRqRetryBackoffRatelimited: Counter;
	/** As `countStatus`, but the status itself is only told by where the request came from (as in Envoy). */
	countHidden(status: number, fromInside: boolean): void;
	/** Counts statuses once more, below a name that requests ask for (x-envoy-upstream-alt-stat-name). */
	alternative(name: string): { count(status: number): void };
	readonly upstreamInternalRedirectSucceeded: Counter;
	readonly upstreamInternalRedirectFailed: Counter;
	/** Bodies that were too large to be kept for another attempt, a copy or a redirect. */
	readonly retryOrShadowAbandoned: Counter;
	readonly upstreamRqTime: Histogram;
	readonly upstreamRqTimeout: Counter;
	readonly upstreamRqPerTryTimeout: Counter;
	readonly upstreamRqPerTryIdleTimeout: Counter;
	readonly upstreamRqMaxDurationReached: Counter;
	readonly upstreamRqRetry: Counter;
	readonly upstreamRqRetrySuccess: Counter;
	readonly upstreamRqRetryOverflow: Counter;
	readonly upstreamRqRetryLimitExceeded: Counter;
	readonly upstreamRqPendingTotal: Counter;
	readonly upstreamRqPendingOverflow: Counter;
	readonly upstreamRqActiveOverflow: Counter;
	readonly upstreamRqPendingFailureEject: Counter;
	readonly upstreamRqCancelled: Counter;
	readonly upstreamRqRxReset: Counter;
	readonly upstreamRqTxReset: Counter;
	readonly upstreamCxTotal: Counter;
	readonly upstreamCxHttp1Total: Counter;
	readonly upstreamCxHttp2Total: Counter;
	/** The endpoint announced that it closes. */
	readonly upstreamCxCloseNotify: Counter;
	readonly upstreamCxProtocolError: Counter;
	readonly upstreamCxIdleTimeout: Counter;
	/** Made at first use: few clusters track more than times. */
	readonly tracked: TrackedStats;
	/** Made at first use: most clusters speak HTTP/1. */
	readonly http2: Http2Stats;
	readonly upstreamCxActive: Gauge;
	readonly upstreamCxConnectFail: Counter;
	readonly upstreamCxConnectTimeout: Counter;
	readonly upstreamCxNoneHealthy: Counter;
	readonly upstreamCxConnectAttemptsExceeded: Counter;
	readonly upstreamCxOverflow: Counter;
	readonly upstreamCxDestroy: Counter;
	readonly upstreamCxDestroyLocal: Counter;
	readonly upstreamCxDestroyRemote: Counter;
	readonly upstreamCxDestroyWithActiveRq: Counter;
	readonly upstreamCxDestroyLocalWithActiveRq: Counter;
	readonly upstreamCxDestroyRemoteWithActiveRq: Counter;
	readonly upstreamCxMaxRequests: Counter;
	readonly upstreamCxMaxDurationReached: Counter;
	readonly upstreamCxRxBytesTotal: Counter;
	readonly upstreamCxTxBytesTotal: Counter;
	readonly membershipTotal: Gauge;
	readonly membershipHealthy: Gauge;
	readonly lbHealthyPanic: Counter;
}

/** Histograms of `track_cluster_stats`. */
export interface TrackedStats {
	/** Percent of the timeouts that were used. */
	readonly timeoutUsed: Histogram;
	readonly perTryTimeoutUsed: Histogram;
	readonly requestHeadersSize: Histogram;
	readonly requestHeadersCount: Histogram;
	readonly requestBodySize: Histogram;
	readonly responseHeadersSize: Histogram;
	readonly responseHeadersCount: Histogram;
	readonly responseBodySize: Histogram;
}

/** Where the request path looks clusters up; the same object over the life of the process, its answers change with CDS/EDS. */
export interface ClusterLookup {
	get(name: string): UpstreamCluster | undefined;
}
