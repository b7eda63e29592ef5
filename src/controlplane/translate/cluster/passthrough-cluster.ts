import { create } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	Cluster_LbPolicy,
	ClusterSchema,
} from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { PASSTHROUGH_CLUSTER } from "../../model/cluster-name.ts";
import type { MeshConfig } from "../../model/mesh-config.ts";
import type { ConnectedProxy } from "../connected-proxy.ts";
import { duration } from "../duration.ts";

/** A proxy that can send to the address that a request names lists this. */
const ORIGINAL_DST = "envoy.cluster.original_dst";

/**
 * The addresses that ALLOW_ANY lets a sidecar reach without a service: those of its own mesh, which all lie in one block of the loopback
 * network (docs/contracts.md), as a domain of a virtual host. Undefined where proxy or address do not allow it.
 */
export function podAddressDomain(
	{ ip, extensions }: Pick<ConnectedProxy, "ip" | "extensions">,
	mesh: MeshConfig,
): string | undefined {
	if (mesh.outboundTrafficPolicy !== "ALLOW_ANY" || !extensions.has(ORIGINAL_DST)) return undefined;
	const [loopback, block] = ip.split(".");
	return loopback === "127" && block !== undefined ? `127.${block}.*` : undefined;
}

/** Without captured traffic the destination is what the request's authority says. */
export function passthroughCluster(mesh: MeshConfig): Cluster {
	return create(ClusterSchema, {
		name: PASSTHROUGH_CLUSTER,
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.ORIGINAL_DST },
		lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
		lbConfig: { case: "originalDstLbConfig", value: { useHttpHeader: true, httpHeaderName: ":authority" } },
		connectTimeout: duration(mesh.connectTimeoutMs),
	});
}
