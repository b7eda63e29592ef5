import { CONFIG_SOURCE_SUPPORTED } from "../../../xds/config-source.ts";
import type { SupportedFields } from "../../../xds/supported.ts";
import { SUPPORTED as OVERLOAD_SUPPORTED } from "../../overload/compile-overload.ts";

const BOOTSTRAP = "envoy.config.bootstrap.v3";
const CORE = "envoy.config.core.v3";

/** What `runtime` itself obeys of a bootstrap. */
export const SUPPORTED: SupportedFields = {
	...OVERLOAD_SUPPORTED,
	...CONFIG_SOURCE_SUPPORTED,
	[`${BOOTSTRAP}.Bootstrap`]: [
		"node",
		"static_resources",
		"dynamic_resources",
		"admin",
		"cluster_manager",
		"overload_manager",
		"layered_runtime",
		"typed_dns_resolver_config",
		"dns_resolution_config",
		"use_tcp_for_dns_lookups",
		"stats_config",
		// How often sinks get stats; a sink itself is refused.
		"stats_flush_interval",
		"stats_flush_on_admin",
		// Logs are lines of JSON whatever format is asked for.
		"application_log_config",
		"bootstrap_extensions",
		// Saves the memory of stats that nothing has counted yet.
		"deferred_stat_options",
	],
	[`${BOOTSTRAP}.Bootstrap.DeferredStatOptions`]: ["enable_deferred_creation_stats"],
	[`${BOOTSTRAP}.Bootstrap.ApplicationLogConfig`]: "*",
	[`${CORE}.TypedExtensionConfig`]: ["name", "typed_config"],
	"envoy.extensions.bootstrap.internal_listener.v3.InternalListener": "*",
	[`${BOOTSTRAP}.LayeredRuntime`]: ["layers"],
	[`${BOOTSTRAP}.RuntimeLayer`]: ["name", "static_layer", "admin_layer"],
	[`${BOOTSTRAP}.RuntimeLayer.AdminLayer`]: "*",
	"envoy.config.metrics.v3.StatsConfig": ["stats_tags", "use_all_default_tags", "stats_matcher"],
	"envoy.config.metrics.v3.TagSpecifier": "*",
	"envoy.config.metrics.v3.StatsMatcher": ["reject_all", "exclusion_list", "inclusion_list"],
	"envoy.type.matcher.v3.ListStringMatcher": ["patterns"],
	[`${BOOTSTRAP}.ClusterManager`]: [
		"local_cluster_name",
		"upstream_bind_config",
		"outlier_detection",
		// Saves the memory of clusters that no request has asked for yet.
		"enable_deferred_cluster_creation",
	],
	[`${BOOTSTRAP}.ClusterManager.OutlierDetection`]: ["event_log_path"],
	[`${BOOTSTRAP}.Bootstrap.StaticResources`]: ["listeners", "clusters", "secrets"],
	[`${BOOTSTRAP}.Bootstrap.DynamicResources`]: ["lds_config", "cds_config", "ads_config"],
	[`${BOOTSTRAP}.Admin`]: [
		"address",
		"access_log",
		"access_log_path",
		// Where profilers would write; there are none.
		"profile_path",
		"ignore_global_conn_limit",
	],
	[`${CORE}.Node`]: "*",
	[`${CORE}.Locality`]: "*",
	[`${CORE}.Address`]: ["socket_address"],
	[`${CORE}.SocketAddress`]: ["address", "port_value", "protocol"],
};
