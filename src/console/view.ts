/** What the console's server tells its pages; plain JSON, pushed whole every few seconds. */
export interface MeshView {
	/** Epoch milliseconds of the newest scrape that went into it. */
	readonly at: number;
	/** Length of the window that rates and latencies are taken over. */
	readonly windowMs: number;
	readonly services: readonly ServiceView[];
	readonly edges: readonly EdgeView[];
	readonly rules: readonly RuleView[];
	readonly proxies: readonly ProxyView[];
	/** Why parts are missing or stale, in words for the user. */
	readonly notices: readonly string[];
}

/** Traffic over the window. Rates per second; latencies in milliseconds, undefined when nothing was measured. */
export interface Traffic {
	readonly requestsPerSecond: number;
	/** Share of answers 5xx and of requests without an answer, 0..1. */
	readonly errorShare: number;
	readonly p50Ms: number | undefined;
	readonly p99Ms: number | undefined;
	/** Requests by response code in the window. */
	readonly codes: Readonly<Record<string, number>>;
}

export interface WorkloadRef {
	readonly workload: string;
	readonly namespace: string;
	readonly app: string;
	readonly version: string;
}

export interface EdgeView extends Traffic {
	readonly source: WorkloadRef;
	readonly destination: WorkloadRef & { readonly service: string; readonly serviceNamespace: string };
	/** Response flags seen in the window, without `-`. */
	readonly flags: readonly string[];
}

export interface ServiceView extends Traffic {
	readonly name: string;
	readonly namespace: string;
	readonly type: string;
	readonly ports: readonly string[];
	readonly endpointsReady: number;
	readonly endpointsTotal: number;
	/** Names of the rules that concern its host. */
	readonly rules: readonly string[];
}

export interface RuleView {
	readonly kind: string;
	readonly name: string;
	readonly namespace: string;
	/** One line: hosts, gateways, subsets. */
	readonly summary: string;
	readonly createdAt: string;
	/** The object as YAML, without managed fields. */
	readonly yaml: string;
}

export interface ProxyView {
	/** `<pod>.<namespace>`. */
	readonly name: string;
	readonly podIp: string | undefined;
	readonly ready: boolean;
	/** Worst state over the types. */
	readonly sync: "SYNCED" | "STALE" | "ERROR" | "NOT CONNECTED";
	readonly types: readonly { readonly type: string; readonly state: string; readonly error?: string }[];
	readonly adminUrl: string | undefined;
}
