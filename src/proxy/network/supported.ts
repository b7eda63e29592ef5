import type { SupportedFields } from "../../xds/supported.ts";

const FILTERS = "envoy.extensions.filters.network";
const TCP_PROXY = `${FILTERS}.tcp_proxy.v3.TcpProxy`;

/** Fields of network filters that are obeyed (docs/contracts.md); the connection manager has its own table. */
export const SUPPORTED: SupportedFields = {
	[TCP_PROXY]: [
		"stat_prefix",
		"cluster",
		"weighted_clusters",
		"metadata_match",
		"idle_timeout",
		"access_log",
		"max_connect_attempts",
		"tunneling_config",
		"backoff_options",
		"hash_policy",
		"max_downstream_connection_duration",
		"max_downstream_connection_duration_jitter_percentage",
		"access_log_flush_interval",
		"flush_access_log_on_connected",
		"access_log_options",
	],
	[`${TCP_PROXY}.WeightedCluster`]: ["clusters"],
	[`${TCP_PROXY}.WeightedCluster.ClusterWeight`]: ["name", "weight", "metadata_match"],
	[`${TCP_PROXY}.TunnelingConfig`]: [
		"hostname",
		"use_post",
		"headers_to_add",
		"propagate_response_headers",
		"post_path",
		"propagate_response_trailers",
	],
	[`${TCP_PROXY}.TcpAccessLogOptions`]: [
		"access_log_flush_interval",
		"flush_access_log_on_connected",
		"flush_access_log_on_start",
	],
	"envoy.config.core.v3.BackoffStrategy": ["base_interval", "max_interval"],
	"envoy.type.v3.HashPolicy": ["source_ip", "filter_state"],
	"envoy.type.v3.HashPolicy.SourceIp": [],
	"envoy.type.v3.HashPolicy.FilterState": ["key"],
	[`${FILTERS}.rbac.v3.RBAC`]: [
		"rules",
		"matcher",
		"shadow_rules",
		"shadow_matcher",
		"shadow_rules_stat_prefix",
		"stat_prefix",
		"enforcement_type",
		"delay_deny",
	],
	[`${FILTERS}.ext_authz.v3.ExtAuthz`]: [
		"stat_prefix",
		"grpc_service",
		"failure_mode_allow",
		"include_peer_certificate",
		"include_tls_session",
		"transport_api_version",
		"metadata_context_namespaces",
	],
	[`${FILTERS}.connection_limit.v3.ConnectionLimit`]: ["stat_prefix", "max_connections", "delay", "runtime_enabled"],
	[`${FILTERS}.local_ratelimit.v3.LocalRateLimit`]: ["stat_prefix", "token_bucket", "runtime_enabled", "share_key"],
	[`${FILTERS}.sni_cluster.v3.SniCluster`]: [],
	[`${FILTERS}.sni_dynamic_forward_proxy.v3.FilterConfig`]: ["dns_cache_config", "port_value"],
	"envoy.tcp.metadataexchange.config.MetadataExchange": "*",
};
