import { type Problem, problem } from "../../lib/problem.ts";
import {
	type Cluster,
	Cluster_DiscoveryType,
	Cluster_DnsLookupFamily,
} from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { DnsConfig, DnsFamily } from "./cluster-config.ts";
import { durationMs } from "./duration-ms.ts";
import type { EndpointSet } from "./endpoint-config.ts";

const DEFAULT_REFRESH_MS = 5000;

const FAMILIES: Readonly<Record<number, DnsFamily>> = {
	[Cluster_DnsLookupFamily.AUTO]: "v6-preferred",
	[Cluster_DnsLookupFamily.V4_ONLY]: "v4",
	[Cluster_DnsLookupFamily.V6_ONLY]: "v6",
	[Cluster_DnsLookupFamily.V4_PREFERRED]: "v4-preferred",
	[Cluster_DnsLookupFamily.ALL]: "all",
};

/** Reads the DNS fields of a STRICT_DNS or LOGICAL_DNS cluster, with Envoy's defaults. */
export function compileDns(
	message: Cluster,
	on: { readonly at: string; readonly endpoints: EndpointSet; readonly problems: Problem[] },
): DnsConfig {
	const logical = message.clusterDiscoveryType.value === Cluster_DiscoveryType.LOGICAL_DNS;
	if (logical && on.endpoints.endpoints.length !== 1)
		on.problems.push(problem("LTN3217", `${on.at}load_assignment`, "a LOGICAL_DNS cluster has exactly one endpoint"));
	const refreshMs = durationMs(message.dnsRefreshRate, DEFAULT_REFRESH_MS);
	if (refreshMs < 1)
		on.problems.push(problem("LTN3218", `${on.at}dns_refresh_rate`, "the refresh rate must be at least 1 ms"));
	const failureBaseMs = durationMs(message.dnsFailureRefreshRate?.baseInterval, refreshMs);
	return {
		logical,
		family: FAMILIES[message.dnsLookupFamily] ?? "all",
		refreshMs,
		respectTtl: message.respectDnsTtl,
		failureBaseMs,
		failureMaxMs: durationMs(message.dnsFailureRefreshRate?.maxInterval, failureBaseMs * 10),
	};
}
