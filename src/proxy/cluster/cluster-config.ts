import type { DiscoverySource } from "../../xds/config-source.ts";
import type { RouteAction_HashPolicy } from "../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { BalancingPolicy } from "../lb/balancer.ts";
import type { SubsetConfig } from "../lb/subset-config.ts";
import type { ZoneConfig } from "../lb/zone-routing.ts";
import type { OverrideHostConfig } from "./balance/override-host.ts";
import type { ReportedWeightsConfig } from "./balance/reported-weights.ts";
import type { SlowStart } from "./balance/slow-start.ts";
import type { BreakerConfig } from "./circuit-breaker-set.ts";
import type { ClusterInfo } from "./cluster.ts";
import type { EndpointSet } from "./compile/endpoint-config.ts";
import type { ResolverConfig } from "./compile/resolver-config.ts";
import type { DnsFamily } from "./discovery/dns-family.ts";
import type { DnsCacheConfig } from "./forward/dns-cache-config.ts";
import type { HealthCheckConfig } from "./health/check-config.ts";
import type { OutlierConfig } from "./outlier/outlier-config.ts";

/** A Cluster message, checked and reduced to what the proxy acts on. */
export interface ClusterConfig {
	readonly name: string;
	/** `alt_stat_name` as it was given, or the name. */
	readonly observabilityName: string;
	/** Name in stats: `alt_stat_name` without a closing `;`, or the name, with `:` replaced as Envoy does. */
	readonly statName: string;
	readonly discovery: Discovery;
	readonly info: ClusterInfo;
	readonly balancing: BalancingConfig;
	readonly breakers: BreakerConfig;
	/** Undefined: no outlier detection. */
	readonly outlier: OutlierConfig | undefined;
	/** Empty: endpoints are not checked. */
	readonly healthChecks: readonly HealthCheckConfig[];
	/** Endpoints that leave are gone at once, even while their health checks pass. */
	readonly ignoreHealthOnRemoval: boolean;
	/** Connections to an endpoint are cut when it goes out of service. */
	readonly cutOnHealthFailure: boolean;
}

export type Discovery =
	| { readonly kind: "static"; readonly endpoints: EndpointSet }
	| {
			readonly kind: "eds";
			readonly serviceName: string;
			readonly source: DiscoverySource;
			readonly initialFetchTimeoutMs: number;
	  }
	/** ORIGINAL_DST: requests name their endpoint by a header (`info.destinationHeader`) or their connection does. */
	| { readonly kind: "original"; readonly cleanupMs: number; readonly portOverride: number | undefined }
	| { readonly kind: "dns"; readonly endpoints: EndpointSet; readonly dns: DnsConfig }
	/** Hosts that requests name, as their DNS cache knows them (dynamic_forward_proxy). */
	| { readonly kind: "forward"; readonly cache: DnsCacheConfig }
	/** The first of these clusters that can serve; each cluster's priorities follow those of the one before. */
	| { readonly kind: "aggregate"; readonly clusters: readonly string[] };

export interface DnsConfig {
	/** LOGICAL_DNS: one host, whose connections go to the first address of each answer. */
	readonly logical: boolean;
	readonly family: DnsFamily;
	readonly refreshMs: number;
	/** Up to so much is added to each refresh. */
	readonly jitterMs: number;
	readonly respectTtl: boolean;
	/** Shortest time between refreshes by TTL. */
	readonly minRefreshMs: number;
	/** Back-off after a failed look-up, jittered between 0 and the doubling interval. */
	readonly failureBaseMs: number;
	readonly failureMaxMs: number;
	/** Whom to ask; undefined: as the bootstrap says, else the system. */
	readonly resolver: ResolverConfig | undefined;
	/** The cluster warms until the first answer (`wait_for_warm_on_init`). */
	readonly waitForWarm: boolean;
}

export interface BalancingConfig {
	readonly policy: BalancingPolicy;
	/** Name as in Envoy's `lb_policy`. */
	readonly name: string;
	readonly panicThresholdPercent: number;
	readonly failOnPanic: boolean;
	readonly byLocalityWeight: boolean;
	/** Zone-aware routing beside a local cluster; undefined: the policy does not know it. */
	readonly zones: ZoneConfig | undefined;
	/** Weights come from what endpoints report of their load; undefined: from the configuration. */
	readonly reportedWeights: ReportedWeightsConfig | undefined;
	/** The request may name its endpoint; undefined: it may not. */
	readonly overrideHost: OverrideHostConfig | undefined;
	/** What requests are hashed by in place of the route's policies, as it was given; undefined: the route decides. */
	readonly hashPolicies: { readonly messages: readonly RouteAction_HashPolicy[]; readonly at: string } | undefined;
	/** Undefined: a new endpoint has its whole weight at once. */
	readonly slowStart: SlowStart | undefined;
	/** Hash tables are made of host names instead of addresses. */
	readonly hashesHostnames: boolean;
	/** Undefined: hosts are not cut into subsets. */
	readonly subsets: SubsetConfig | undefined;
	/** New hosts do not count until their first health check (`ignore_new_hosts_until_first_hc`). */
	readonly ignoreUncheckedHosts: boolean;
	/** All connections are cut when a host comes or goes. */
	readonly cutOnHostSetChange: boolean;
	/** EDS health with which a stateful session may still use its host. */
	readonly overrideHealth: ReadonlySet<string>;
}
