import { create } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	ClusterSchema,
} from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { BLACK_HOLE_CLUSTER, formatClusterName } from "../../model/cluster-name.ts";
import type { MeshConfig } from "../../model/mesh-config.ts";
import type { ConnectedProxy } from "../connected-proxy.ts";
import { duration } from "../duration.ts";
import { loadAssignment } from "../endpoint/load-assignment.ts";
import type { InboundPort } from "../inbound-ports.ts";
import { socketAddress } from "../socket-address.ts";
import { circuitBreakers, protocolOptions } from "./connection-settings.ts";

/** The cluster without endpoints that every proxy has. */
export function blackHoleCluster(mesh: MeshConfig): Cluster {
	return create(ClusterSchema, {
		name: BLACK_HOLE_CLUSTER,
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
		connectTimeout: duration(mesh.connectTimeoutMs),
		loadAssignment: loadAssignment(BLACK_HOLE_CLUSTER, [], { clusterId: "", preferNear: undefined }),
	});
}

/** From a sidecar to the application behind it, by target port. */
export function inboundCluster(proxy: ConnectedProxy, port: InboundPort, mesh: MeshConfig): Cluster {
	const name = formatClusterName({ direction: "inbound", port: port.number, subset: "", host: "" });
	return create(ClusterSchema, {
		name,
		altStatName: `${name};`,
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
		connectTimeout: duration(mesh.connectTimeoutMs),
		circuitBreakers: circuitBreakers({}),
		typedExtensionProtocolOptions: protocolOptions(port.protocol),
		loadAssignment: {
			clusterName: name,
			endpoints: [
				{
					lbEndpoints: [
						{ hostIdentifier: { case: "endpoint", value: { address: socketAddress(proxy.appIp, port.number) } } },
					],
				},
			],
		},
		metadata: port.service && {
			filterMetadata: {
				istio: {
					services: [
						{ host: port.service.hostname, name: port.service.meta.name, namespace: port.service.meta.namespace },
					],
				},
			},
		},
	});
}
