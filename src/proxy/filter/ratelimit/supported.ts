import type { SupportedFields } from "../../../xds/supported.ts";

/** The fields of the rate limit filter that are obeyed. */
export const RATELIMIT_FILTER_SUPPORTED: SupportedFields = {
	"envoy.extensions.filters.http.ratelimit.v3.RateLimit": [
		"domain",
		"stage",
		"request_type",
		"timeout",
		"failure_mode_deny",
		"rate_limited_as_resource_exhausted",
		"rate_limit_service",
		"enable_x_ratelimit_headers",
		"disable_x_envoy_ratelimited_header",
		"rate_limited_status",
		"response_headers_to_add",
		"status_on_error",
		"stat_prefix",
		"filter_enabled",
		"filter_enforced",
		"failure_mode_deny_percent",
		"rate_limits",
		"metadata_namespace",
		"enable_retry_after_header",
	],
	// Envoy takes `override_option` and does not look at it: it is refused here.
	"envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute": ["vh_rate_limits", "rate_limits", "domain"],
	"envoy.config.ratelimit.v3.RateLimitServiceConfig": ["grpc_service", "transport_api_version"],
};
