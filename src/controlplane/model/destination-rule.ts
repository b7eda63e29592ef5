import type { ConfigMeta } from "./config-object.ts";
import type { Visibility } from "./visibility.ts";

/** A DestinationRule with its host resolved. */
export interface DestinationRule {
	readonly meta: ConfigMeta;
	readonly host: string;
	readonly visibility: Visibility;
	/** Undefined: every proxy. */
	readonly workloadSelector: Readonly<Record<string, string>> | undefined;
	readonly trafficPolicy: TrafficPolicy | undefined;
	readonly subsets: readonly Subset[];
}

export interface Subset {
	readonly name: string;
	/** Empty: all endpoints. */
	readonly labels: Readonly<Record<string, string>>;
	readonly trafficPolicy: TrafficPolicy | undefined;
}

/** The blocks that are overridden whole, never merged field by field (istio-traffic-api.md 2.4). */
export interface PolicyBlocks {
	readonly loadBalancer?: LoadBalancer;
	readonly connectionPool?: ConnectionPool;
	readonly outlierDetection?: OutlierDetection;
	readonly tls?: ClientTls;
	readonly retryBudget?: RetryBudget;
}

export interface TrafficPolicy extends PolicyBlocks {
	readonly portLevel: ReadonlyMap<number, PolicyBlocks>;
}

export type SimpleLb = "LEAST_REQUEST" | "RANDOM" | "ROUND_ROBIN" | "PASSTHROUGH";

export interface LoadBalancer {
	readonly simple: SimpleLb;
	readonly consistentHash: ConsistentHash | undefined;
	readonly warmup:
		| { readonly durationMs: number; readonly minimumPercent: number; readonly aggression: number }
		| undefined;
	/** Undefined: the mesh's setting. */
	readonly localityEnabled: boolean | undefined;
}

export interface ConsistentHash {
	readonly key:
		| { readonly kind: "header"; readonly name: string }
		| {
				readonly kind: "cookie";
				readonly name: string;
				readonly path: string;
				readonly ttlMs: number | undefined;
				readonly attributes: readonly { readonly name: string; readonly value: string }[];
		  }
		| { readonly kind: "sourceIp" }
		| { readonly kind: "query"; readonly name: string };
	readonly algorithm:
		| { readonly kind: "ringHash"; readonly minimumRingSize: number }
		| { readonly kind: "maglev"; readonly tableSize: number | undefined };
}

/** Undefined and 0 both mean "the default". */
export interface ConnectionPool {
	readonly maxConnections?: number;
	readonly connectTimeoutMs?: number;
	readonly tcpKeepalive?: { readonly probes?: number; readonly timeMs?: number; readonly intervalMs?: number };
	readonly maxConnectionDurationMs?: number;
	readonly tcpIdleTimeoutMs?: number;
	readonly http1MaxPendingRequests?: number;
	readonly http2MaxRequests?: number;
	readonly maxRequestsPerConnection?: number;
	readonly maxRetries?: number;
	readonly httpIdleTimeoutMs?: number;
	readonly h2Upgrade?: "DEFAULT" | "DO_NOT_UPGRADE" | "UPGRADE";
	readonly useClientProtocol?: boolean;
	readonly maxConcurrentStreams?: number;
}

export interface OutlierDetection {
	readonly consecutive5xxErrors?: number;
	readonly consecutiveGatewayErrors?: number;
	readonly intervalMs?: number;
	readonly baseEjectionTimeMs?: number;
	readonly maxEjectionPercent?: number;
	readonly minHealthPercent: number;
	readonly splitExternalLocalOriginErrors: boolean;
	readonly consecutiveLocalOriginFailures?: number;
}

export interface RetryBudget {
	readonly percent: number;
	readonly minRetryConcurrency: number;
}

export interface ClientTls {
	readonly mode: "DISABLE" | "SIMPLE" | "MUTUAL" | "ISTIO_MUTUAL";
}
