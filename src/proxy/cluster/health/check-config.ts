/** How endpoints are checked, with Envoy's defaults filled in; times in milliseconds. */
export interface HealthCheckConfig {
	readonly timeoutMs: number;
	readonly intervals: CheckIntervals;
	/** Failures in a row that take an endpoint out. */
	readonly unhealthyThreshold: number;
	/** Successes in a row that bring it back. */
	readonly healthyThreshold: number;
	readonly reuseConnection: boolean;
	/** ALPN of the checks' own TLS connections; empty: the cluster's. */
	readonly alpn: readonly string[];
	/** Chooses the transport socket of checks among the cluster's matches; undefined: as requests do. */
	readonly socketMatch: Readonly<Record<string, unknown>> | undefined;
	readonly log: CheckLogConfig;
	readonly probe: HttpProbe | TcpProbe | GrpcProbe;
}

export interface CheckIntervals {
	readonly baseMs: number;
	readonly initialJitterMs: number;
	readonly jitterMs: number;
	readonly jitterPercent: number;
	/** While the cluster has had no traffic. */
	readonly noTrafficMs: number;
	readonly noTrafficHealthyMs: number;
	readonly unhealthyMs: number;
	/** After the first failure of a healthy endpoint, until it is out. */
	readonly unhealthyEdgeMs: number;
	/** After the first success of an unhealthy one, until it is in. */
	readonly healthyEdgeMs: number;
}

export interface CheckLogConfig {
	/** Files that get a JSON line per event. */
	readonly paths: readonly string[];
	readonly everyFailure: boolean;
	readonly everySuccess: boolean;
}

export interface HttpProbe {
	readonly kind: "http";
	/** Empty: the endpoint's host name, else the cluster's name. */
	readonly host: string;
	readonly path: string;
	readonly method: string;
	readonly http2: boolean;
	readonly body: Uint8Array;
	readonly receive: readonly Uint8Array[];
	/** Bytes of the answer that are looked at; 0 = all. */
	readonly responseBufferBytes: number;
	readonly headersToAdd: readonly ProbeHeader[];
	readonly headersToRemove: readonly string[];
	readonly expected: readonly StatusRange[];
	/** Statuses that count as failures, but only with the threshold. */
	readonly retriable: readonly StatusRange[];
	/** What `x-envoy-upstream-healthchecked-cluster` must be; undefined: not looked at. */
	readonly serviceName: ((name: string) => boolean) | undefined;
}

/** Start included, end excluded. */
export interface StatusRange {
	readonly start: number;
	readonly end: number;
}

export interface ProbeHeader {
	readonly name: string;
	readonly value: string;
	readonly mode: "append" | "add-if-absent" | "overwrite" | "overwrite-if-present";
}

export interface TcpProbe {
	readonly kind: "tcp";
	/** Empty: connecting is the check. */
	readonly send: Uint8Array;
	/** Must come in this order, with anything between them. */
	readonly receive: readonly Uint8Array[];
	/** 0: no PROXY protocol header before everything else. */
	readonly proxyProtocol: 0 | 1 | 2;
}

export interface GrpcProbe {
	readonly kind: "grpc";
	readonly service: string;
	/** Empty: the endpoint's host name, else the cluster's name. */
	readonly authority: string;
	readonly metadata: readonly ProbeHeader[];
}
