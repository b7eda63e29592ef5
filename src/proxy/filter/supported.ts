import type { SupportedFields } from "../../xds/supported.ts";

/** The fields that this room obeys; values of a TypedStruct are checked by the filter that reads them. */
export const FILTER_SUPPORTED: SupportedFields = {
	"envoy.extensions.filters.http.router.v3.Router": ["suppress_envoy_headers"],
	"envoy.extensions.filters.http.fault.v3.HTTPFault": [
		"delay",
		"abort",
		"upstream_cluster",
		"headers",
		"max_active_faults",
	],
	"envoy.extensions.filters.common.fault.v3.FaultDelay": ["fixed_delay", "percentage"],
	"envoy.extensions.filters.http.fault.v3.FaultAbort": ["http_status", "grpc_status", "percentage", "response_body"],
	"envoy.extensions.filters.http.cors.v3.Cors": [],
	"envoy.extensions.filters.http.cors.v3.CorsPolicy": [
		"allow_origin_string_match",
		"allow_methods",
		"allow_headers",
		"expose_headers",
		"max_age",
		"allow_credentials",
		"filter_enabled",
		"allow_private_network_access",
		"forward_not_matching_preflights",
	],
	"udpa.type.v1.TypedStruct": ["type_url", "value"],
	"xds.type.v3.TypedStruct": ["type_url", "value"],
};
