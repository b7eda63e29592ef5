import type { SupportedFields } from "../../xds/supported.ts";
import { RBAC_SUPPORTED } from "./rbac/supported.ts";

/** The fields that this room obeys; values of a TypedStruct are checked by the filter that reads them. */
export const FILTER_SUPPORTED: SupportedFields = {
	...RBAC_SUPPORTED,
	"envoy.extensions.filters.http.router.v3.Router": ["suppress_envoy_headers"],
	"envoy.config.route.v3.FilterConfig": ["config", "is_optional", "disabled"],
	"envoy.extensions.filters.http.fault.v3.HTTPFault": [
		"delay",
		"abort",
		"upstream_cluster",
		"headers",
		"downstream_nodes",
		"max_active_faults",
		"delay_percent_runtime",
		"abort_percent_runtime",
		"delay_duration_runtime",
		"abort_http_status_runtime",
		"max_active_faults_runtime",
		"response_rate_limit_percent_runtime",
		"abort_grpc_status_runtime",
		"disable_downstream_cluster_stats",
		"filter_metadata",
	],
	"envoy.extensions.filters.common.fault.v3.FaultDelay": ["fixed_delay", "header_delay", "percentage"],
	"envoy.extensions.filters.http.fault.v3.FaultAbort": [
		"http_status",
		"grpc_status",
		"header_abort",
		"percentage",
		"response_body",
	],
	"envoy.extensions.filters.http.cors.v3.Cors": [],
	"envoy.extensions.filters.http.cors.v3.CorsPolicy": [
		"allow_origin_string_match",
		"allow_methods",
		"allow_headers",
		"expose_headers",
		"max_age",
		"allow_credentials",
		"filter_enabled",
		"shadow_enabled",
		"allow_private_network_access",
		"forward_not_matching_preflights",
	],
	"udpa.type.v1.TypedStruct": ["type_url", "value"],
	"xds.type.v3.TypedStruct": ["type_url", "value"],
};
