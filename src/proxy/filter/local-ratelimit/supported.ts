import type { SupportedFields } from "../../../xds/supported.ts";

/** The fields of the local rate limit filter that are obeyed. */
export const LOCAL_RATE_LIMIT_SUPPORTED: SupportedFields = {
	"envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit": [
		"stat_prefix",
		"status",
		"token_bucket",
		"filter_enabled",
		"filter_enforced",
		"request_headers_to_add_when_not_enforced",
		"response_headers_to_add",
		"descriptors",
		"stage",
		"local_rate_limit_per_downstream_connection",
		"enable_x_ratelimit_headers",
		"vh_rate_limits",
		"always_consume_default_token_bucket",
		"rate_limited_as_resource_exhausted",
		"rate_limits",
		"max_dynamic_descriptors",
		"enable_retry_after_header",
	],
	"envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor": ["entries", "token_bucket", "shadow_mode"],
	"envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry": ["key", "value"],
	"envoy.type.v3.TokenBucket": ["max_tokens", "tokens_per_fill", "fill_interval"],
	"envoy.type.v3.HttpStatus": ["code"],
};
