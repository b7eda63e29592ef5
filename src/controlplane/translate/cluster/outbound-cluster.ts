import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	ClusterSchema,
} from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { formatClusterName } from "../../model/cluster-name.ts";
import type { DestinationRule, PolicyBlocks, Subset } from "../../model/destination-rule.ts";
import type { MeshConfig } from "../../model/mesh-config.ts";
import type { Endpoint, Resolution, Service, ServicePort } from "../../model/service.ts";
import { ADS_SOURCE } from "../ads-source.ts";
import { configPath } from "../config-path.ts";
import { duration } from "../duration.ts";
import { loadAssignment } from "../endpoint/load-assignment.ts";
import { circuitBreakers, keepalive, outlierDetection, protocolOptions } from "./connection-settings.ts";
import { effectivePolicy } from "./effective-policy.ts";
import { loadBalancing } from "./load-balancing.ts";

type DiscoveryFields = Pick<
	MessageInitShape<typeof ClusterSchema>,
	"clusterDiscoveryType" | "edsClusterConfig" | "respectDnsTtl" | "dnsRefreshRate" | "loadAssignment"
>;

/** What an outbound cluster is made from. */
export interface OutboundTarget {
	readonly service: Service;
	readonly port: ServicePort;
	readonly subset: Subset | undefined;
	readonly rule: DestinationRule | undefined;
	/** Used only by services that are resolved by name: their endpoints travel inside the cluster. */
	readonly endpoints: readonly Endpoint[];
	/** The proxy can speak HTTP/2 to it. */
	readonly http2: boolean;
}

const DISCOVERY: Readonly<Record<Exclude<Resolution, "NONE">, Cluster_DiscoveryType>> = {
	EDS: Cluster_DiscoveryType.EDS,
	DNS: Cluster_DiscoveryType.STRICT_DNS,
	DNS_ROUND_ROBIN: Cluster_DiscoveryType.LOGICAL_DNS,
};

/**
 * The CDS resource through which clients reach one port of a service or subset. Undefined where no cluster can be made:
 * resolution NONE and balancer PASSTHROUGH need the connection's original destination, which mode NONE does not have, and
 * TLS towards the upstream is not there yet (sending plain bytes instead would be worse than none).
 */
export function outboundCluster(target: OutboundTarget, mesh: MeshConfig): Cluster | undefined {
	const { service, port, subset, rule } = target;
	const policy = effectivePolicy(rule, subset, port.number);
	if (service.resolution === "NONE" || policy.loadBalancer?.simple === "PASSTHROUGH" || needsTls(policy))
		return undefined;
	const name = formatClusterName({
		direction: "outbound",
		port: port.number,
		subset: subset?.name ?? "",
		host: service.hostname,
	});
	return create(ClusterSchema, {
		name,
		altStatName: `${name};`,
		...discovery(name, target),
		connectTimeout: duration(policy.connectionPool?.connectTimeoutMs ?? mesh.connectTimeoutMs),
		...loadBalancing(policy.loadBalancer),
		circuitBreakers: circuitBreakers(policy),
		outlierDetection: policy.outlierDetection && outlierDetection(policy.outlierDetection),
		commonLbConfig: panicThreshold(service, policy),
		typedExtensionProtocolOptions: protocolOptions(port.protocol, policy.connectionPool, target.http2),
		upstreamConnectionOptions: keepalive(policy.connectionPool),
		metadata: clusterMetadata(target),
	});
}

/** True when the policy asks for TLS that cannot be given. */
function needsTls(policy: PolicyBlocks): boolean {
	return policy.tls !== undefined && policy.tls.mode !== "DISABLE";
}

function discovery(name: string, target: OutboundTarget): DiscoveryFields {
	const { resolution } = target.service;
	const type = DISCOVERY[resolution as Exclude<Resolution, "NONE">];
	const clusterDiscoveryType = { case: "type" as const, value: type };
	if (resolution === "EDS")
		return { clusterDiscoveryType, edsClusterConfig: { edsConfig: ADS_SOURCE, serviceName: name } };
	return {
		clusterDiscoveryType,
		respectDnsTtl: true,
		dnsRefreshRate: duration(60_000),
		loadAssignment: loadAssignment(name, target.endpoints, { clusterId: "", preferNear: undefined }),
	};
}

/** Outlier detection turns panic mode off unless it names a threshold; services with unready endpoints never panic. */
function panicThreshold(
	service: Service,
	policy: PolicyBlocks,
): MessageInitShape<typeof ClusterSchema>["commonLbConfig"] {
	if (service.publishNotReady) return { healthyPanicThreshold: { value: 0 } };
	if (!policy.outlierDetection) return undefined;
	return { healthyPanicThreshold: { value: policy.outlierDetection.minHealthPercent } };
}

function clusterMetadata({
	service,
	subset,
	rule,
}: OutboundTarget): MessageInitShape<typeof ClusterSchema>["metadata"] {
	const { namespace } = service.meta;
	// A ServiceEntry stands for several hosts, so each is called by its own name (as Istio does).
	const name = service.registry === "ServiceEntry" ? service.hostname : service.meta.name;
	return {
		filterMetadata: {
			istio: {
				services: [{ host: service.hostname, name, namespace }],
				...(rule && { config: configPath(rule.meta) }),
				...(subset && { subset: subset.name }),
				...(service.external && { external: true }),
			},
		},
	};
}
