import type { Counter, Gauge, Histogram } from "../../telemetry/metrics.ts";

/** One endpoint as the request path knows it; lives as long as its address is in the cluster. */
export interface Host {
	/** `ip:port`, the key. */
	readonly address: string;
	readonly ip: string;
	readonly port: number;
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
}

export interface HostStats {
	rqTotal: number;
	rqSuccess: number;
	rqError: number;
	rqTimeout: number;
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
	/** What `destinationHeader` says, in clusters that have one. */
	readonly destination?: string | undefined;
}

/** A cluster as the request path uses it. Swapped whole on a configuration change; hosts with the same address carry over. */
export interface UpstreamCluster {
	readonly name: string;
	readonly info: ClusterInfo;
	readonly stats: ClusterStats;
	readonly breakers: CircuitBreakers;
	/** Undefined: no healthy upstream (503, UH). */
	pick(ctx: PickContext): Host | undefined;
	/** True when it has endpoints and every one is out by outlier ejection. */
	allEjected(): boolean;
	hosts(): readonly Host[];
	/** Feeds outlier detection: a response's status ... */
	reportStatus(host: Host, status: number): void;
	/** ... or a failure that no response came from (connect failure, reset, timeout). */
	reportLocalFailure(host: Host, kind: "connect" | "timeout" | "reset"): void;
}

export interface ClusterInfo {
	readonly connectTimeoutMs: number;
	/** 0 = no limit. */
	readonly maxRequestsPerConnection: number;
	/** 0 = never. */
	readonly idleTimeoutMs: number;
	/** A connection gets no new request once it is this old; 0 = however old. */
	readonly maxConnectionDurationMs: number;
	/** How the system probes idle connections; undefined: it does not. */
	readonly keepAlive: KeepAlive | undefined;
	readonly httpProtocol: "http1" | "http2" | "downstream";
	/** `metadata.filter_metadata`, e.g. `istio: {services: [{host, name, namespace}]}`. */
	readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
	/** Request header (or `:authority`) that names the endpoint as `ip:port`; undefined: the balancer chooses. */
	readonly destinationHeader: string | undefined;
	/** Local address to bind upstream connections to (upstream_bind_config); undefined: the system's choice. */
	readonly sourceIp: string | undefined;
	readonly perConnectionBufferLimitBytes: number;
}

/** Probes of idle connections; what is undefined is the system's choice. */
export interface KeepAlive {
	readonly idleMs: number;
	readonly intervalMs: number | undefined;
	/** Unanswered ones that end the connection. */
	readonly probes: number | undefined;
}

/** Limits of one cluster (default priority); every `tryX` that answers true is paired with its `releaseX`. */
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
	readonly upstreamRqCompleted: Counter;
	/** Per class and code: `upstream_rq_2xx`, `upstream_rq_200`. */
	countStatus(status: number): void;
	readonly upstreamRqTime: Histogram;
	readonly upstreamRqTimeout: Counter;
	readonly upstreamRqPerTryTimeout: Counter;
	readonly upstreamRqRetry: Counter;
	readonly upstreamRqRetrySuccess: Counter;
	readonly upstreamRqRetryOverflow: Counter;
	readonly upstreamRqRetryLimitExceeded: Counter;
	readonly upstreamRqPendingTotal: Counter;
	readonly upstreamRqPendingOverflow: Counter;
	readonly upstreamRqPendingFailureEject: Counter;
	readonly upstreamRqCancelled: Counter;
	readonly upstreamRqRxReset: Counter;
	readonly upstreamRqTxReset: Counter;
	readonly upstreamCxTotal: Counter;
	readonly upstreamCxActive: Gauge;
	readonly upstreamCxConnectFail: Counter;
	readonly upstreamCxConnectTimeout: Counter;
	readonly upstreamCxOverflow: Counter;
	readonly upstreamCxDestroy: Counter;
	readonly upstreamCxMaxRequests: Counter;
	readonly upstreamCxMaxDurationReached: Counter;
	readonly upstreamCxRxBytesTotal: Counter;
	readonly upstreamCxTxBytesTotal: Counter;
	readonly membershipTotal: Gauge;
	readonly membershipHealthy: Gauge;
	readonly lbHealthyPanic: Counter;
}

/** Where the request path looks clusters up; the same object over the life of the process, its answers change with CDS/EDS. */
export interface ClusterLookup {
	get(name: string): UpstreamCluster | undefined;
}
