import { s, type ValueOf } from "../schema-builder.ts";
import { targetRef, workloadSelector } from "./shared-fields.ts";

const listenerMatch = () =>
	s.object({
		portNumber: s.uint32().doc("Port of the listener."),
		portName: s.string().doc("Not used any more."),
		name: s.string().doc("Name of the listener."),
		listenerFilter: s.string().doc("Name of a listener filter."),
		filterChain: s
			.object({
				name: s.string().doc("Name of the filter chain."),
				sni: s.string().doc("Server name of the chain's match."),
				transportProtocol: s.string().doc("Transport protocol of the chain's match."),
				applicationProtocols: s.string().doc("Application protocols of the chain's match, comma list."),
				destinationPort: s.uint32().doc("Destination port of the chain's match."),
				filter: s
					.object({
						name: s.string().doc("Name of the network filter."),
						subFilter: s.object({ name: s.string().doc("Name of the HTTP filter.") }).doc("HTTP filter inside it."),
					})
					.doc("Network filter of the chain."),
			})
			.doc("Filter chain of the listener."),
	});

const routeConfigurationMatch = () =>
	s.object({
		portNumber: s.uint32().doc("Port of the route configuration."),
		portName: s.string().doc("Name of the gateway's port."),
		gateway: s.string().doc("Gateway, `namespace/name`."),
		name: s.string().doc("Name of the route configuration."),
		vhost: s
			.object({
				name: s.string().doc("Name of the virtual host."),
				domainName: s.string().doc("Domain of the virtual host."),
				route: s
					.object({
						name: s.string().doc("Name of the route."),
						action: s.enumOf("ANY", "ROUTE", "REDIRECT", "DIRECT_RESPONSE").doc("What the route does."),
					})
					.doc("Route of the virtual host."),
			})
			.doc("Virtual host of the configuration."),
	});

const clusterMatch = () =>
	s.object({
		portNumber: s.uint32().doc("Service port of the cluster."),
		service: s.string().doc("Host of the cluster."),
		subset: s.string().doc("Subset of the cluster."),
		name: s.string().doc("Name of the cluster; the other conditions are then left out of account."),
	});

const waypointMatch = () =>
	s.object({
		portNumber: s.uint32().doc("Service port."),
		filter: s
			.object({
				name: s.string().doc("Name of the network filter."),
				subFilter: s.object({ name: s.string().doc("Name of the HTTP filter.") }).doc("HTTP filter inside it."),
			})
			.doc("Filter of the chain."),
		route: s.object({ name: s.string().doc("Name of the route.") }).doc("Route of the service."),
	});

const patchMatch = () =>
	s.object(
		{
			context: s
				.enumOf("ANY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY", "WAYPOINT")
				.doc("Kind of proxy and direction."),
			proxy: s
				.object({
					proxyVersion: s.string().doc("Regular expression on the proxy's version."),
					metadata: s.map(s.string()).doc("Node metadata that the proxy must carry."),
				})
				.doc("Properties of the proxy."),
			listener: listenerMatch().doc("Part of a listener."),
			routeConfiguration: routeConfigurationMatch().doc("Part of a route configuration."),
			cluster: clusterMatch().doc("A cluster."),
			waypoint: waypointMatch().doc("Part of a waypoint's configuration."),
		},
		[["listener", "routeConfiguration", "cluster", "waypoint"]],
	);

/** What the `spec` of a EnvoyFilter holds. */
export const envoyFilterSpec = s
	.object(
		{
			workloadSelector: workloadSelector().doc("Workloads that it applies to; all of the namespace when absent."),
			targetRefs: s.list(targetRef(), { maxItems: 16 }).doc("Gateways or services that it applies to."),
			configPatches: s
				.list(
					s.object({
						applyTo: s
							.enumOf(
								"INVALID",
								"LISTENER",
								"FILTER_CHAIN",
								"NETWORK_FILTER",
								"HTTP_FILTER",
								"ROUTE_CONFIGURATION",
								"VIRTUAL_HOST",
								"HTTP_ROUTE",
								"CLUSTER",
								"EXTENSION_CONFIG",
								"BOOTSTRAP",
								"LISTENER_FILTER",
							)
							.doc("Part of the configuration that is changed."),
						match: patchMatch().doc("Conditions on what is changed."),
						patch: s
							.object({
								operation: s
									.enumOf(
										"INVALID",
										"MERGE",
										"ADD",
										"REMOVE",
										"INSERT_BEFORE",
										"INSERT_AFTER",
										"INSERT_FIRST",
										"REPLACE",
										"MERGE_AND_REPLACE_LIST",
									)
									.doc("What is done."),
								value: s.struct().doc("Envoy configuration, as JSON."),
								filterClass: s.enumOf("UNSPECIFIED", "AUTHN", "AUTHZ", "STATS").doc("Where an added filter goes."),
							})
							.doc("The change."),
					}),
				)
				.doc("Changes, in order."),
			priority: s.int32().doc("Order between objects; lower first."),
		},
		[["workloadSelector", "targetRefs"]],
	)
	.doc("The patches.");

export type EnvoyFilterSpec = ValueOf<typeof envoyFilterSpec>;
