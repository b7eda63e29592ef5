import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { HealthStatus } from "../../../xds/generated/envoy/config/core/v3/health_check_pb.ts";
import type { LbEndpointSchema } from "../../../xds/generated/envoy/config/endpoint/v3/endpoint_components_pb.ts";
import {
	type ClusterLoadAssignment,
	ClusterLoadAssignmentSchema,
} from "../../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import type { Endpoint, Locality, WorkloadIdentity } from "../../model/service.ts";
import { socketAddress } from "../socket-address.ts";
import { failoverPriorities } from "./failover-priority.ts";

export interface AssignmentOptions {
	readonly clusterId: string;
	/** Set: nearer localities come first (only with outlier detection, istio-traffic-api.md 2.6). */
	readonly preferNear: Locality | undefined;
}

const HEALTH: Readonly<Record<Endpoint["health"], HealthStatus>> = {
	healthy: HealthStatus.HEALTHY,
	unready: HealthStatus.UNHEALTHY,
	draining: HealthStatus.DRAINING,
};

/** The EDS resource of a cluster: endpoints grouped by locality, each group as heavy as its endpoints together. */
export function loadAssignment(
	clusterName: string,
	endpoints: readonly Endpoint[],
	{ clusterId, preferNear }: AssignmentOptions,
): ClusterLoadAssignment {
	const groups = [...Map.groupBy(endpoints, (e) => localityKey(e.locality)).entries()].sort(([a], [b]) =>
		a < b ? -1 : Number(a > b),
	);
	const localities = groups.map(([, members]) => members[0]!.locality);
	const priorities = preferNear ? failoverPriorities(preferNear, localities) : localities.map(() => 0);
	return create(ClusterLoadAssignmentSchema, {
		clusterName,
		endpoints: groups.map(([, members], i) => {
			const { region, zone, subzone } = members[0]!.locality;
			return {
				locality: { region, zone, subZone: subzone },
				loadBalancingWeight: members.reduce((sum, e) => sum + e.weight, 0),
				priority: priorities[i],
				lbEndpoints: members.map((e) => lbEndpoint(e, clusterId)),
			};
		}),
	});
}

function lbEndpoint(endpoint: Endpoint, clusterId: string): MessageInitShape<typeof LbEndpointSchema> {
	return {
		hostIdentifier: { case: "endpoint", value: { address: socketAddress(endpoint.address, endpoint.port) } },
		healthStatus: HEALTH[endpoint.health],
		loadBalancingWeight: endpoint.weight,
		metadata: endpoint.workload && {
			filterMetadata: { istio: { workload: workloadText(endpoint.workload, clusterId) } },
		},
	};
}

/** `<workload>;<namespace>;<canonical name>;<canonical revision>;<cluster>`, the revision empty when it is `latest`. */
function workloadText(workload: WorkloadIdentity, clusterId: string): string {
	const revision = workload.canonicalRevision === "latest" ? "" : workload.canonicalRevision;
	return [workload.name, workload.namespace, workload.canonicalName, revision, clusterId].join(";");
}

function localityKey({ region, zone, subzone }: Locality): string {
	return `${region}/${zone}/${subzone}`;
}
