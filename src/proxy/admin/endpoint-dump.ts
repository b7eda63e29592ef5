import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { packAny } from "../../xds/any.ts";
import type { EndpointsConfigDumpSchema } from "../../xds/generated/envoy/admin/v3/config_dump_shared_pb.ts";
import { HealthStatus } from "../../xds/generated/envoy/config/core/v3/health_check_pb.ts";
import type {
	LbEndpointSchema,
	LocalityLbEndpointsSchema,
} from "../../xds/generated/envoy/config/endpoint/v3/endpoint_components_pb.ts";
import { ClusterLoadAssignmentSchema } from "../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import type { ClusterHost } from "../cluster/cluster-host.ts";
import type { AdminContext } from "./admin-context.ts";

/** The endpoints of a configuration dump, as clusters have them now (Envoy: `include_eds`). */
export function endpointsDump(context: AdminContext): MessageInitShape<typeof EndpointsConfigDumpSchema> {
	const fixed: { endpointConfig: ReturnType<typeof packAny> }[] = [];
	const dynamic: typeof fixed = [];
	for (const cluster of context.clusters()) {
		const { discovery } = cluster.config;
		if (discovery.kind === "aggregate" || !("hosts" in cluster)) continue;
		const serviceName = discovery.kind === "eds" ? discovery.serviceName : cluster.name;
		const endpointConfig = packAny(ClusterLoadAssignmentSchema, {
			clusterName: serviceName,
			endpoints: localitiesOf(cluster.hosts()),
			policy: { overprovisioningFactor: OVERPROVISIONING },
		});
		const isDynamic = context.store.get("cluster", cluster.name)?.version !== undefined;
		(isDynamic ? dynamic : fixed).push({ endpointConfig });
	}
	return { staticEndpointConfigs: fixed, dynamicEndpointConfigs: dynamic };
}

/** What Envoy shows where the configuration says nothing. */
const OVERPROVISIONING = 140;

function localitiesOf(hosts: readonly ClusterHost[]): MessageInitShape<typeof LocalityLbEndpointsSchema>[] {
	const groups = new Map<string, ClusterHost[]>();
	for (const host of hosts) {
		const key = `${host.priority} ${JSON.stringify(host.locality)}`;
		const group = groups.get(key);
		if (group) group.push(host);
		else groups.set(key, [host]);
	}
	return [...groups.values()].map((group) => ({
		locality: group[0]!.locality,
		priority: group[0]!.priority,
		loadBalancingWeight: group[0]!.config.localityWeight,
		lbEndpoints: group.map(endpointOf),
	}));
}

function endpointOf(host: ClusterHost): MessageInitShape<typeof LbEndpointSchema> {
	const { config } = host;
	const hasMetadata = Object.keys(config.metadata).length > 0;
	return {
		healthStatus: healthOf(host),
		loadBalancingWeight: config.weight,
		...(hasMetadata && { metadata: { filterMetadata: config.metadata as Record<string, JsonObject> } }),
		hostIdentifier: {
			case: "endpoint",
			value: {
				hostname: config.hostname,
				healthCheckConfig: { hostname: config.check?.hostname ?? "", portValue: config.check?.port ?? 0 },
				address: {
					address:
						host.ip === ""
							? { case: "pipe", value: { path: host.address } }
							: {
									case: "socketAddress",
									value: { address: host.ip, portSpecifier: { case: "portValue", value: host.port } },
								},
				},
			},
		},
	};
}

/** Envoy shows what it makes of all checks together. */
function healthOf({ health }: ClusterHost): HealthStatus {
	if (health === "healthy") return HealthStatus.HEALTHY;
	return health === "degraded" ? HealthStatus.DEGRADED : HealthStatus.UNHEALTHY;
}
