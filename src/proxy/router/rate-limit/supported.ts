import type { SupportedFields } from "../../../xds/supported.ts";

const LIMIT = "envoy.config.route.v3.RateLimit";

/** The fields of rate limits, of routes and of the filters that carry their own. */
export const RATE_LIMIT_SUPPORTED: SupportedFields = {
	[LIMIT]: ["stage", "disable_key", "actions", "limit", "hits_addend", "x_ratelimit_option"],
	[`${LIMIT}.Action`]: [
		"source_cluster",
		"destination_cluster",
		"request_headers",
		"query_parameters",
		"remote_address",
		"generic_key",
		"header_value_match",
		"dynamic_metadata",
		"metadata",
		"masked_remote_address",
		"query_parameter_value_match",
		"remote_address_match",
	],
	[`${LIMIT}.Action.SourceCluster`]: [],
	[`${LIMIT}.Action.DestinationCluster`]: [],
	[`${LIMIT}.Action.RequestHeaders`]: ["header_name", "descriptor_key", "skip_if_absent"],
	[`${LIMIT}.Action.QueryParameters`]: ["query_parameter_name", "descriptor_key", "skip_if_absent"],
	[`${LIMIT}.Action.RemoteAddress`]: [],
	[`${LIMIT}.Action.MaskedRemoteAddress`]: ["v4_prefix_mask_len", "v6_prefix_mask_len"],
	[`${LIMIT}.Action.GenericKey`]: ["descriptor_value", "default_value", "descriptor_key"],
	[`${LIMIT}.Action.HeaderValueMatch`]: [
		"descriptor_value",
		"default_value",
		"descriptor_key",
		"expect_match",
		"headers",
	],
	[`${LIMIT}.Action.QueryParameterValueMatch`]: [
		"descriptor_value",
		"default_value",
		"descriptor_key",
		"expect_match",
		"query_parameters",
	],
	[`${LIMIT}.Action.RemoteAddressMatch`]: ["descriptor_value", "descriptor_key", "default_value", "address_matcher"],
	[`${LIMIT}.Action.DynamicMetaData`]: ["descriptor_key", "metadata_key", "default_value"],
	[`${LIMIT}.Action.MetaData`]: ["descriptor_key", "metadata_key", "default_value", "source", "skip_if_absent"],
	[`${LIMIT}.Override`]: ["dynamic_metadata", "rate_limit"],
	[`${LIMIT}.Override.DynamicMetadata`]: ["metadata_key"],
	[`${LIMIT}.Override.RateLimitOverride`]: ["requests_per_unit", "unit"],
	[`${LIMIT}.HitsAddend`]: ["number", "format", "is_negative_hits"],
	"envoy.type.metadata.v3.MetadataKey": ["key", "path"],
	"envoy.type.metadata.v3.MetadataKey.PathSegment": ["key"],
	"envoy.type.matcher.v3.AddressMatcher": ["ranges", "invert_match"],
	"xds.core.v3.CidrRange": ["address_prefix", "prefix_len"],
};
