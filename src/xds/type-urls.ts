const PREFIX = "type.googleapis.com/";

/** Type URL of a message by its full protobuf name. */
export const typeUrlOf = (typeName: string): string => `${PREFIX}${typeName}`;

/** Full protobuf name in a type URL: what stands after the last slash. */
export const typeNameOf = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf("/") + 1);

/** The resource types of ADS, in the order that makes before it breaks (Envoy: xDS protocol, eventual consistency). */
export const RESOURCE_TYPES = {
	cluster: typeUrlOf("envoy.config.cluster.v3.Cluster"),
	endpoint: typeUrlOf("envoy.config.endpoint.v3.ClusterLoadAssignment"),
	listener: typeUrlOf("envoy.config.listener.v3.Listener"),
	scopedRoute: typeUrlOf("envoy.config.route.v3.ScopedRouteConfiguration"),
	route: typeUrlOf("envoy.config.route.v3.RouteConfiguration"),
	virtualHost: typeUrlOf("envoy.config.route.v3.VirtualHost"),
	secret: typeUrlOf("envoy.extensions.transport_sockets.tls.v3.Secret"),
	extension: typeUrlOf("envoy.config.core.v3.TypedExtensionConfig"),
} as const;

export type ResourceType = keyof typeof RESOURCE_TYPES;

/** Short names that people read in `proxy-status`: CDS, EDS, LDS, SRDS, RDS, VHDS, SDS, ECDS. */
export const DISCOVERY_NAMES: Readonly<Record<ResourceType, string>> = {
	cluster: "CDS",
	endpoint: "EDS",
	listener: "LDS",
	scopedRoute: "SRDS",
	route: "RDS",
	virtualHost: "VHDS",
	secret: "SDS",
	extension: "ECDS",
};
