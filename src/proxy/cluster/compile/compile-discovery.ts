import { fieldPath } from "../../../lib/field-path.ts";
import { type Problem, problem } from "../../../lib/problem.ts";
import { unpackAs } from "../../../xds/any.ts";
import { parseConfigSource } from "../../../xds/config-source.ts";
import {
	type Cluster,
	type Cluster_CustomClusterType,
	Cluster_DiscoveryType,
} from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { ClusterConfigSchema as AggregateSchema } from "../../../xds/generated/envoy/extensions/clusters/aggregate/v3/cluster_pb.ts";
import { DnsClusterSchema } from "../../../xds/generated/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts";
import {
	type ClusterConfig as ForwardConfig,
	ClusterConfigSchema as ForwardSchema,
} from "../../../xds/generated/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts";
import type { Discovery } from "../cluster-config.ts";
import { parseDnsCache } from "../forward/dns-cache-config.ts";
import { compileDns, compileDnsCluster } from "./compile-dns.ts";
import { durationMs } from "./duration-ms.ts";
import { type EndpointSet, NO_ENDPOINTS, parseLoadAssignment } from "./endpoint-config.ts";

const CLEANUP_MS = 5000;

interface DiscoveryScope {
	/** Path of the cluster, ending with a dot, or empty. */
	readonly at: string;
	readonly problems: Problem[];
}

/** The types that Envoy also has as extensions by name. */
const BY_NAME: Readonly<Record<string, Cluster_DiscoveryType>> = {
	"envoy.cluster.static": Cluster_DiscoveryType.STATIC,
	"envoy.cluster.eds": Cluster_DiscoveryType.EDS,
	"envoy.cluster.strict_dns": Cluster_DiscoveryType.STRICT_DNS,
	"envoy.cluster.logical_dns": Cluster_DiscoveryType.LOGICAL_DNS,
	"envoy.cluster.original_dst": Cluster_DiscoveryType.ORIGINAL_DST,
};

/** Reads where a cluster's endpoints come from: `type` or `cluster_type`. */
export function compileDiscovery(message: Cluster, on: DiscoveryScope): Discovery | undefined {
	const { clusterDiscoveryType: chosen } = message;
	if (chosen.case === "clusterType") return compileCustom(message, chosen.value, on);
	const type = chosen.value ?? Cluster_DiscoveryType.STATIC;
	if (message.loadAssignment && (type === Cluster_DiscoveryType.EDS || type === Cluster_DiscoveryType.ORIGINAL_DST))
		on.problems.push(
			problem("LTN3205", `${on.at}load_assignment`, "a cluster of this type has no load_assignment", "remove it"),
		);
	return compileType(message, type, on);
}

function compileType(message: Cluster, type: Cluster_DiscoveryType, on: DiscoveryScope): Discovery | undefined {
	if (message.edsClusterConfig && type !== Cluster_DiscoveryType.EDS)
		on.problems.push(problem("LTN3205", `${on.at}eds_cluster_config`, "only an EDS cluster has it", "remove it"));
	switch (type) {
		case Cluster_DiscoveryType.STATIC:
			return { kind: "static", endpoints: compileEndpoints(message, on, false) };
		case Cluster_DiscoveryType.EDS:
			return compileEds(message, on);
		case Cluster_DiscoveryType.STRICT_DNS:
		case Cluster_DiscoveryType.LOGICAL_DNS: {
			const endpoints = compileEndpoints(message, on, true);
			const logical = type === Cluster_DiscoveryType.LOGICAL_DNS;
			return { kind: "dns", endpoints, dns: compileDns(message, logical, { ...on, path: on.at, endpoints }) };
		}
		default:
			return compileOriginal(message);
	}
}

function compileCustom(message: Cluster, custom: Cluster_CustomClusterType, on: DiscoveryScope): Discovery | undefined {
	const aggregate = unpackAs(custom.typedConfig, AggregateSchema);
	if (aggregate) {
		if (aggregate.clusters.length === 0)
			on.problems.push(
				problem("LTN3244", `${on.at}cluster_type.typed_config.clusters`, "at least one cluster is needed"),
			);
		return { kind: "aggregate", clusters: aggregate.clusters };
	}
	const forward = unpackAs(custom.typedConfig, ForwardSchema);
	if (forward) return compileForward(forward, on);
	const dns = unpackAs(custom.typedConfig, DnsClusterSchema);
	if (dns) {
		const endpoints = compileEndpoints(message, on, true);
		const at = `${on.at}cluster_type.typed_config.`;
		return { kind: "dns", endpoints, dns: compileDnsCluster(dns, { ...on, at, path: on.at, endpoints }) };
	}
	const type = BY_NAME[custom.name];
	if (type !== undefined) return compileType(message, type, on);
	const what = `the cluster type "${custom.name}" is not implemented by this proxy`;
	on.problems.push(
		problem(
			"LTN3203",
			`${on.at}cluster_type`,
			what,
			"use STATIC, EDS, STRICT_DNS, LOGICAL_DNS or an aggregate cluster",
		),
	);
	return undefined;
}

function compileForward(
	{ clusterImplementationSpecifier: chosen }: ForwardConfig,
	on: DiscoveryScope,
): Discovery | undefined {
	const at = fieldPath(`${on.at}cluster_type.typed_config`);
	if (chosen.case === "dnsCacheConfig")
		return { kind: "forward", cache: parseDnsCache(chosen.value, at.field("dns_cache_config"), on.problems) };
	const what =
		chosen.case === "subClustersConfig"
			? "a cluster of its own for each host is not implemented by this proxy"
			: "the DNS cache is not said";
	on.problems.push(problem("LTN3266", at.field("sub_clusters_config").toString(), what, "set dns_cache_config"));
	return undefined;
}

function compileOriginal({ lbConfig, cleanupInterval }: Cluster): Discovery {
	const own = lbConfig.case === "originalDstLbConfig" ? lbConfig.value : undefined;
	return {
		kind: "original",
		cleanupMs: durationMs(cleanupInterval, CLEANUP_MS),
		portOverride: own?.upstreamPortOverride,
	};
}

function compileEndpoints(message: Cluster, { at, problems }: DiscoveryScope, names: boolean): EndpointSet {
	if (!message.loadAssignment) return NO_ENDPOINTS;
	return parseLoadAssignment(message.loadAssignment, `${at}load_assignment`, { problems, names });
}

function compileEds(message: Cluster, { at, problems }: DiscoveryScope): Discovery | undefined {
	const config = message.edsClusterConfig?.edsConfig;
	const from = parseConfigSource(config, fieldPath(`${at}eds_cluster_config.eds_config`), problems);
	return (
		from && {
			kind: "eds",
			serviceName: message.edsClusterConfig?.serviceName || message.name,
			source: from.source,
			initialFetchTimeoutMs: from.initialFetchMs,
		}
	);
}
