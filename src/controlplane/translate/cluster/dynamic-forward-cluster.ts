import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { packAny } from "../../../xds/any.ts";
import {
	type Cluster,
	Cluster_DnsLookupFamily,
	Cluster_LbPolicy,
	ClusterSchema,
} from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { ClusterConfigSchema } from "../../../xds/generated/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts";
import type { DnsCacheConfigSchema } from "../../../xds/generated/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts";
import type { MeshConfig } from "../../model/mesh-config.ts";
import { duration } from "../duration.ts";

/** Where ALLOW_ANY sends a host that no service has: its name is looked up when it is called. */
export const DYNAMIC_CLUSTER = "AllowAnyDynamicDNSCluster";

const CLUSTER_TYPE = "envoy.clusters.dynamic_forward_proxy";
export const DYNAMIC_FORWARD_FILTER = "envoy.filters.http.dynamic_forward_proxy";

/** The cluster and the filter must name the same cache. */
export const DNS_CACHE: MessageInitShape<typeof DnsCacheConfigSchema> = {
	name: "allow_any",
	dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
};

/** True when a proxy can look destinations up by itself. */
export function canResolveNames(extensions: ReadonlySet<string>): boolean {
	return extensions.has(DYNAMIC_FORWARD_FILTER) && extensions.has(CLUSTER_TYPE);
}

export function dynamicForwardCluster(mesh: MeshConfig): Cluster {
	return create(ClusterSchema, {
		name: DYNAMIC_CLUSTER,
		connectTimeout: duration(mesh.connectTimeoutMs),
		lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
		clusterDiscoveryType: {
			case: "clusterType",
			value: {
				name: CLUSTER_TYPE,
				typedConfig: packAny(ClusterConfigSchema, {
					clusterImplementationSpecifier: { case: "dnsCacheConfig", value: DNS_CACHE },
				}),
			},
		},
	});
}
