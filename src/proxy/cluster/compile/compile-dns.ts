import { type Problem, problem } from "../../../lib/problem.ts";
import { type Cluster, Cluster_DnsLookupFamily } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { DnsLookupFamily } from "../../../xds/generated/envoy/extensions/clusters/common/dns/v3/dns_pb.ts";
import type { DnsCluster } from "../../../xds/generated/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts";
import type { DnsConfig } from "../cluster-config.ts";
import type { DnsFamily } from "../discovery/dns-family.ts";
import { compileResolver } from "./compile-resolver.ts";
import { durationMs } from "./duration-ms.ts";
import type { EndpointSet } from "./endpoint-config.ts";

const DEFAULT_REFRESH_MS = 5000;
/** No refresh by TTL comes sooner, unless `dns_min_refresh_rate` says another time. */
const MIN_REFRESH_MS = 1000;

const FAMILIES: Readonly<Record<number, DnsFamily>> = {
	[Cluster_DnsLookupFamily.AUTO]: "v6-preferred",
	[Cluster_DnsLookupFamily.V4_ONLY]: "v4",
	[Cluster_DnsLookupFamily.V6_ONLY]: "v6",
	[Cluster_DnsLookupFamily.V4_PREFERRED]: "v4-preferred",
	[Cluster_DnsLookupFamily.ALL]: "all",
};

const CLUSTER_FAMILIES: Readonly<Record<number, DnsFamily>> = {
	[DnsLookupFamily.UNSPECIFIED]: "v6-preferred",
	[DnsLookupFamily.AUTO]: "v6-preferred",
	[DnsLookupFamily.V4_ONLY]: "v4",
	[DnsLookupFamily.V6_ONLY]: "v6",
	[DnsLookupFamily.V4_PREFERRED]: "v4-preferred",
	[DnsLookupFamily.ALL]: "all",
};

interface DnsScope {
	readonly at: string;
	/** Path of the cluster, ending with a dot, or empty. */
	readonly path: string;
	readonly endpoints: EndpointSet;
	readonly problems: Problem[];
}

/** Reads the DNS fields of a STRICT_DNS or LOGICAL_DNS cluster, with Envoy's defaults. */
export function compileDns(message: Cluster, logical: boolean, on: DnsScope): DnsConfig {
	return {
		family: FAMILIES[message.dnsLookupFamily] ?? "all",
		waitForWarm: message.waitForWarmOnInit ?? true,
		resolver: compileResolver(message, on.path, on.problems),
		minRefreshMs: MIN_REFRESH_MS,
		...compileTimes(message, logical, on),
	};
}

/** Reads the message of the cluster type `envoy.clusters.dns`. */
export function compileDnsCluster(message: DnsCluster, on: DnsScope): DnsConfig {
	return {
		family: CLUSTER_FAMILIES[message.dnsLookupFamily] ?? "all",
		waitForWarm: true,
		resolver: compileResolver(message, on.at, on.problems),
		minRefreshMs: durationMs(message.dnsMinRefreshRate, MIN_REFRESH_MS),
		...compileTimes(message, message.allAddressesInSingleEndpoint, on),
	};
}

function compileTimes(
	message: Pick<Cluster | DnsCluster, "dnsRefreshRate" | "dnsFailureRefreshRate" | "dnsJitter" | "respectDnsTtl">,
	logical: boolean,
	on: DnsScope,
) {
	if (logical && on.endpoints.endpoints.length !== 1)
		on.problems.push(problem("LTN3217", `${on.at}load_assignment`, "a LOGICAL_DNS cluster has exactly one endpoint"));
	const refreshMs = durationMs(message.dnsRefreshRate, DEFAULT_REFRESH_MS);
	if (refreshMs < 1)
		on.problems.push(problem("LTN3218", `${on.at}dns_refresh_rate`, "the refresh rate must be at least 1 ms"));
	const failure = message.dnsFailureRefreshRate;
	if (failure && durationMs(failure.baseInterval, 0) <= 1)
		on.problems.push(
			problem("LTN3218", `${on.at}dns_failure_refresh_rate.base_interval`, "the interval must be greater than 1 ms"),
		);
	if (durationMs(message.dnsJitter, 0) < 0)
		on.problems.push(problem("LTN3218", `${on.at}dns_jitter`, "the jitter must not be negative"));
	const failureBaseMs = durationMs(failure?.baseInterval, refreshMs);
	const failureMaxMs = durationMs(failure?.maxInterval, failure ? failureBaseMs * 10 : refreshMs);
	if (failureMaxMs < failureBaseMs)
		on.problems.push(
			problem("LTN3218", `${on.at}dns_failure_refresh_rate`, "max_interval must not be less than base_interval"),
		);
	return {
		logical,
		refreshMs,
		jitterMs: durationMs(message.dnsJitter, 0),
		respectTtl: message.respectDnsTtl,
		failureBaseMs,
		failureMaxMs,
	};
}
