import type { SupportedFields } from "../../../xds/supported.ts";

const AUTHZ = "envoy.extensions.filters.http.ext_authz.v3.";

/** The fields of the external authorization filter that are obeyed. */
export const EXT_AUTHZ_SUPPORTED: SupportedFields = {
	[`${AUTHZ}ExtAuthz`]: [
		"grpc_service",
		"http_service",
		"transport_api_version",
		"failure_mode_allow",
		"failure_mode_allow_header_add",
		"with_request_body",
		"clear_route_cache",
		"status_on_error",
		"metadata_context_namespaces",
		"route_metadata_context_namespaces",
		"filter_enabled",
		"filter_enabled_metadata",
		"deny_at_disable",
		"include_peer_certificate",
		"stat_prefix",
		"allowed_headers",
		"disallowed_headers",
		"include_tls_session",
		"charge_cluster_response_stats",
		"encode_raw_headers",
		"enable_dynamic_metadata_ingestion",
		"max_denied_response_body_bytes",
		"shadow_mode",
	],
	[`${AUTHZ}BufferSettings`]: ["max_request_bytes", "allow_partial_message", "pack_as_bytes"],
	[`${AUTHZ}HttpService`]: [
		"server_uri",
		"path_prefix",
		"path_override",
		"authorization_request",
		"authorization_response",
	],
	[`${AUTHZ}AuthorizationRequest`]: ["allowed_headers", "headers_to_add"],
	[`${AUTHZ}AuthorizationResponse`]: [
		"allowed_upstream_headers",
		"allowed_upstream_headers_to_append",
		"allowed_client_headers",
		"allowed_client_headers_on_success",
		"dynamic_metadata_from_headers",
	],
	[`${AUTHZ}ExtAuthzPerRoute`]: ["disabled", "check_settings"],
	[`${AUTHZ}CheckSettings`]: ["context_extensions", "disable_request_body_buffering", "with_request_body"],
	"envoy.type.matcher.v3.ListStringMatcher": ["patterns"],
	"envoy.config.core.v3.RuntimeFeatureFlag": ["default_value", "runtime_key"],
	"envoy.config.core.v3.HttpUri": ["uri", "cluster", "timeout"],
	"envoy.type.v3.HttpStatus": ["code"],
};
