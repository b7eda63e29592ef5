export interface EnvoyNode {
	readonly role: "sidecar" | "router";
	readonly ip: string;
	readonly podName: string;
	readonly namespace: string;
	readonly metadata?: Readonly<Record<string, unknown>>;
}

/** An ordinary bootstrap: nothing but the node and where ADS is. */
export function adsBootstrap(node: EnvoyNode, xdsPort: number, protocol: "sotw" | "delta") {
	const source = { resource_api_version: "V3", ads: {} };
	return {
		node: {
			id: `${node.role}~${node.ip}~${node.podName}.${node.namespace}~${node.namespace}.svc.cluster.local`,
			cluster: node.podName,
			metadata: { NAMESPACE: node.namespace, NAME: node.podName, INTERCEPTION_MODE: "NONE", ...node.metadata },
		},
		dynamic_resources: {
			ads_config: {
				api_type: protocol === "delta" ? "DELTA_GRPC" : "GRPC",
				transport_api_version: "V3",
				grpc_services: [{ envoy_grpc: { cluster_name: "xds-grpc" } }],
				set_node_on_first_message_only: true,
			},
			cds_config: source,
			lds_config: source,
		},
		static_resources: {
			clusters: [
				{
					name: "xds-grpc",
					type: "STATIC",
					connect_timeout: "1s",
					typed_extension_protocol_options: {
						"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
							"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
							explicit_http_config: { http2_protocol_options: {} },
						},
					},
					load_assignment: {
						cluster_name: "xds-grpc",
						endpoints: [
							{
								lb_endpoints: [
									{ endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: xdsPort } } } },
								],
							},
						],
					},
				},
			],
		},
	};
}
