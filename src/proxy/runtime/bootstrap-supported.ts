import type { SupportedFields } from "../../xds/supported.ts";
import { SUPPORTED as OVERLOAD_SUPPORTED } from "../overload/compile-overload.ts";

const BOOTSTRAP = "envoy.config.bootstrap.v3";
const CORE = "envoy.config.core.v3";

/** What `runtime` itself obeys of a bootstrap. */
export const SUPPORTED: SupportedFields = {
	...OVERLOAD_SUPPORTED,
	[`${BOOTSTRAP}.Bootstrap`]: [
		"node",
		"static_resources",
		"dynamic_resources",
		"admin",
		"cluster_manager",
		"overload_manager",
	],
	[`${BOOTSTRAP}.ClusterManager`]: ["upstream_bind_config"],
	[`${BOOTSTRAP}.Bootstrap.StaticResources`]: ["listeners", "clusters"],
	[`${BOOTSTRAP}.Bootstrap.DynamicResources`]: ["lds_config", "cds_config", "ads_config"],
	[`${BOOTSTRAP}.Admin`]: ["address"],
	[`${CORE}.Node`]: "*",
	[`${CORE}.Locality`]: "*",
	[`${CORE}.ApiConfigSource`]: ["api_type", "transport_api_version", "grpc_services", "set_node_on_first_message_only"],
	[`${CORE}.GrpcService`]: ["envoy_grpc"],
	[`${CORE}.GrpcService.EnvoyGrpc`]: ["cluster_name"],
	[`${CORE}.ConfigSource`]: ["ads", "initial_fetch_timeout", "resource_api_version"],
	[`${CORE}.AggregatedConfigSource`]: [],
	[`${CORE}.Address`]: ["socket_address"],
	[`${CORE}.SocketAddress`]: ["address", "port_value", "protocol"],
};
