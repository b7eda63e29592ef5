import type { SupportedFields } from "../../xds/supported.ts";

const HCM = "envoy.extensions.filters.network.http_connection_manager.v3";
const ROUTE = "envoy.config.route.v3";
const FRAGMENT = `${HCM}.ScopedRoutes.ScopeKeyBuilder.FragmentBuilder`;

/** Scopes, in the connection manager and by SRDS. */
export const SCOPED_ROUTES_SUPPORTED: SupportedFields = {
	[`${HCM}.ScopedRoutes`]: [
		"name",
		"scope_key_builder",
		"rds_config_source",
		"scoped_route_configurations_list",
		"scoped_rds",
	],
	[`${HCM}.ScopedRouteConfigurationsList`]: ["scoped_route_configurations"],
	[`${HCM}.ScopedRds`]: ["scoped_rds_config_source"],
	[`${HCM}.ScopedRoutes.ScopeKeyBuilder`]: ["fragments"],
	[FRAGMENT]: ["header_value_extractor"],
	[`${FRAGMENT}.HeaderValueExtractor`]: ["name", "element_separator", "index", "element"],
	[`${FRAGMENT}.HeaderValueExtractor.KvElement`]: ["separator", "key"],
	[`${ROUTE}.ScopedRouteConfiguration`]: [
		"name",
		"on_demand",
		"route_configuration_name",
		"route_configuration",
		"key",
	],
	[`${ROUTE}.ScopedRouteConfiguration.Key`]: ["fragments"],
	[`${ROUTE}.ScopedRouteConfiguration.Key.Fragment`]: ["string_key"],
};
