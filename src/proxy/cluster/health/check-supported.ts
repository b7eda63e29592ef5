import type { SupportedFields } from "../../../xds/supported.ts";

const CORE = "envoy.config.core.v3";

/** What `compileHealthChecks` obeys. */
export const HEALTH_SUPPORTED: SupportedFields = {
	[`${CORE}.HealthCheck`]: [
		"timeout",
		"interval",
		"initial_jitter",
		"interval_jitter",
		"interval_jitter_percent",
		"unhealthy_threshold",
		"healthy_threshold",
		"reuse_connection",
		"http_health_check",
		"tcp_health_check",
		"grpc_health_check",
		"custom_health_check",
		"no_traffic_interval",
		"no_traffic_healthy_interval",
		"unhealthy_interval",
		"unhealthy_edge_interval",
		"healthy_edge_interval",
		"event_log_path",
		"always_log_health_check_failures",
		"always_log_health_check_success",
	],
	[`${CORE}.HealthCheck.HttpHealthCheck`]: [
		"host",
		"path",
		"send",
		"receive",
		"response_buffer_size",
		"request_headers_to_add",
		"request_headers_to_remove",
		"expected_statuses",
		"retriable_statuses",
		"codec_client_type",
		"service_name_matcher",
		"method",
	],
	[`${CORE}.HealthCheck.TcpHealthCheck`]: ["send", "receive", "proxy_protocol_config"],
	[`${CORE}.HealthCheck.GrpcHealthCheck`]: ["service_name", "authority", "initial_metadata"],
	[`${CORE}.HealthCheck.Payload`]: ["text", "binary"],
	// Named in the refusal.
	[`${CORE}.HealthCheck.CustomHealthCheck`]: "*",
	[`${CORE}.HeaderValueOption`]: ["header", "append", "append_action", "keep_empty_value"],
	[`${CORE}.HeaderValue`]: ["key", "value"],
	[`${CORE}.ProxyProtocolConfig`]: ["version"],
	"envoy.type.matcher.v3.StringMatcher": ["exact", "prefix", "suffix", "contains", "ignore_case"],
};
