import { create, type DescMessage, type JsonObject, type Message } from "@bufbuild/protobuf";
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { unpackAs } from "../../../src/xds/any.ts";
import { type Cluster, ClusterSchema } from "../../../src/xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { NodeSchema } from "../../../src/xds/generated/envoy/config/core/v3/base_pb.ts";
import { TypedExtensionConfigSchema } from "../../../src/xds/generated/envoy/config/core/v3/extension_pb.ts";
import { ClusterLoadAssignmentSchema } from "../../../src/xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { type Listener, ListenerSchema } from "../../../src/xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { VirtualHostSchema } from "../../../src/xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { RouteConfigurationSchema } from "../../../src/xds/generated/envoy/config/route/v3/route_pb.ts";
import { ScopedRouteConfigurationSchema } from "../../../src/xds/generated/envoy/config/route/v3/scoped_route_pb.ts";
import { HttpConnectionManagerSchema } from "../../../src/xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { SecretSchema } from "../../../src/xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import type { DeltaDiscoveryResponse } from "../../../src/xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { xdsRegistry } from "../../../src/xds/registry.ts";
import { RESOURCE_TYPES, type ResourceType } from "../../../src/xds/type-urls.ts";
import { ForeignXdsClient } from "../../support/foreign-xds-client.ts";

/** Who asks istiod: what Istio's agent would say of itself. */
export interface WorkloadNode {
	readonly role: "sidecar" | "router" | "waypoint";
	readonly name: string;
	readonly namespace: string;
	readonly ip: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly metadata?: JsonObject;
}

export interface Received {
	readonly type: ResourceType;
	readonly name: string;
	readonly typeUrl: string;
	/** Undefined: of a type that Lateen has no message for. */
	readonly message: Message | undefined;
	readonly value: Uint8Array;
}

const SCHEMAS: Readonly<Record<ResourceType, DescMessage>> = {
	cluster: ClusterSchema,
	endpoint: ClusterLoadAssignmentSchema,
	listener: ListenerSchema,
	route: RouteConfigurationSchema,
	secret: SecretSchema,
	extension: TypedExtensionConfigSchema,
	virtualHost: VirtualHostSchema,
	scopedRoute: ScopedRouteConfigurationSchema,
};

export const schemaOf = (type: ResourceType): DescMessage => SCHEMAS[type];

/** Everything that istiod has for a proxy: its clusters, endpoints, listeners and the routes that they name, asked for as Envoy does. */
export async function receiveConfig(port: number, who: WorkloadNode): Promise<readonly Received[]> {
	const client = new ForeignXdsClient(port);
	const stream = client.delta();
	const all: Received[] = [];
	const nodes = [nodeOf(who)];
	/** The next response of a type; those of other types are pushes that came in between. */
	const answerOf = async (type: ResourceType): Promise<DeltaDiscoveryResponse> => {
		const response = await stream.next();
		return response.typeUrl === RESOURCE_TYPES[type] ? response : answerOf(type);
	};
	const ask = async (type: ResourceType, names: readonly string[] = []): Promise<readonly Received[]> => {
		if (names.length === 0 && type !== "cluster" && type !== "listener") return [];
		stream.send({ node: nodes.shift(), typeUrl: RESOURCE_TYPES[type], resourceNamesSubscribe: [...names] });
		const response = await answerOf(type);
		const read = response.resources.map(({ name, resource }) => readResource(type, name, resource));
		all.push(...read);
		stream.send({ typeUrl: RESOURCE_TYPES[type], responseNonce: response.nonce });
		return read;
	};
	try {
		const clusters = await ask("cluster");
		const named = clusters.flatMap(({ message }) => edsNames(message as Cluster));
		await ask("endpoint", named);
		const listeners = (await ask("listener")).map(({ message }) => message as Listener);
		await ask("route", [...new Set(listeners.flatMap(routeNames))]);
		await ask("extension", [...new Set(listeners.flatMap(extensionNames))]);
		return all;
	} finally {
		stream.close();
		client.close();
	}
}

/** What the node tells of itself, with the members that Istio's agent sends. */
export function nodeOf({ role, name, namespace, ip, labels, metadata }: WorkloadNode) {
	const all: JsonObject = {
		NAME: name,
		NAMESPACE: namespace,
		CLUSTER_ID: "Kubernetes",
		INSTANCE_IPS: ip,
		ISTIO_VERSION: "1.31.0",
		INTERCEPTION_MODE: "REDIRECT",
		SERVICE_ACCOUNT: "default",
		MESH_ID: "cluster.local",
		LABELS: labels,
		...metadata,
	};
	return create(NodeSchema, {
		id: `${role}~${ip}~${name}.${namespace}~${namespace}.svc.cluster.local`,
		metadata: all,
	});
}

function readResource(type: ResourceType, name: string, resource: Any | undefined): Received {
	const message = resource && anyUnpack(resource, xdsRegistry());
	return { type, name, typeUrl: resource?.typeUrl ?? "", message, value: resource?.value ?? new Uint8Array() };
}

function edsNames(cluster: Cluster): string[] {
	if (!cluster.edsClusterConfig) return [];
	return [cluster.edsClusterConfig.serviceName || cluster.name];
}

function managersOf({ filterChains, defaultFilterChain }: Listener) {
	const chains = [...filterChains, ...(defaultFilterChain ? [defaultFilterChain] : [])];
	const filters = chains.flatMap((chain) => chain.filters);
	return filters.flatMap(({ configType }) =>
		configType.case === "typedConfig" ? (unpackAs(configType.value, HttpConnectionManagerSchema) ?? []) : [],
	);
}

function routeNames(listener: Listener): string[] {
	return managersOf(listener).flatMap(({ routeSpecifier }) =>
		routeSpecifier.case === "rds" ? [routeSpecifier.value.routeConfigName] : [],
	);
}

function extensionNames(listener: Listener): string[] {
	return managersOf(listener)
		.flatMap(({ httpFilters }) => httpFilters)
		.flatMap(({ name, configType }) => (configType.case === "configDiscovery" ? [name] : []));
}
