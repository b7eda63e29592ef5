import type { BalancerFactory } from "../lb/balancer.ts";
import type { ThresholdsConfig } from "./circuit-breaker-set.ts";
import type { ClusterInfo } from "./cluster.ts";
import type { EndpointSet } from "./endpoint-config.ts";
import type { OutlierConfig } from "./outlier-config.ts";
import type { SlowStart } from "./slow-start.ts";

/** A Cluster message, checked and reduced to what the proxy acts on. */
export interface ClusterConfig {
	readonly name: string;
	/** Name in stats: `alt_stat_name` without a closing `;`, or the name, with `:` replaced as Envoy does. */
	readonly statName: string;
	readonly discovery: Discovery;
	readonly info: ClusterInfo;
	readonly balancing: BalancingConfig;
	readonly thresholds: ThresholdsConfig;
	/** Undefined: no outlier detection. */
	readonly outlier: OutlierConfig | undefined;
}

export type Discovery =
	| { readonly kind: "static"; readonly endpoints: EndpointSet }
	| { readonly kind: "eds"; readonly serviceName: string; readonly initialFetchTimeoutMs: number }
	/** ORIGINAL_DST by a header: requests name their endpoint (`info.destinationHeader`). */
	| { readonly kind: "original"; readonly cleanupMs: number }
	| { readonly kind: "dns"; readonly endpoints: EndpointSet; readonly dns: DnsConfig };

export interface DnsConfig {
	/** LOGICAL_DNS: one host, the first address of each answer. */
	readonly logical: boolean;
	readonly family: DnsFamily;
	readonly refreshMs: number;
	readonly respectTtl: boolean;
	/** Back-off after a failed look-up, jittered between 0 and the doubling interval. */
	readonly failureBaseMs: number;
	readonly failureMaxMs: number;
}

export type DnsFamily = "v4" | "v6" | "v4-preferred" | "v6-preferred" | "all";

export interface BalancingConfig {
	readonly factory: BalancerFactory;
	/** Name as in Envoy's `lb_policy`. */
	readonly policy: string;
	readonly panicThresholdPercent: number;
	readonly failOnPanic: boolean;
	readonly byLocalityWeight: boolean;
	/** Undefined: a new endpoint has its whole weight at once. */
	readonly slowStart: SlowStart | undefined;
}
