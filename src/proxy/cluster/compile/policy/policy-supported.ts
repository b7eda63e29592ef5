import type { SupportedFields } from "../../../../xds/supported.ts";

const POLICIES = "envoy.extensions.load_balancing_policies";
const COMMON = `${POLICIES}.common.v3`;
const SUBSET = `${POLICIES}.subset.v3.Subset`;

/** What `compileLbPolicy` obeys. */
export const POLICY_SUPPORTED: SupportedFields = {
	[`${POLICIES}.round_robin.v3.RoundRobin`]: ["slow_start_config", "locality_lb_config"],
	[`${POLICIES}.least_request.v3.LeastRequest`]: [
		"choice_count",
		"active_request_bias",
		"slow_start_config",
		"locality_lb_config",
		"enable_full_scan",
		"selection_method",
	],
	[`${POLICIES}.random.v3.Random`]: ["locality_lb_config"],
	[`${POLICIES}.ring_hash.v3.RingHash`]: [
		"hash_function",
		"minimum_ring_size",
		"maximum_ring_size",
		"use_hostname_for_hashing",
		"hash_balance_factor",
		"consistent_hashing_lb_config",
		"locality_weighted_lb_config",
	],
	[`${POLICIES}.maglev.v3.Maglev`]: ["table_size", "consistent_hashing_lb_config", "locality_weighted_lb_config"],
	[`${POLICIES}.cluster_provided.v3.ClusterProvided`]: [],
	[`${POLICIES}.wrr_locality.v3.WrrLocality`]: ["endpoint_picking_policy"],
	[`${POLICIES}.override_host.v3.OverrideHost`]: ["override_host_sources", "selected_host_key", "fallback_policy"],
	[`${POLICIES}.override_host.v3.OverrideHost.OverrideHostSource`]: ["header", "metadata"],
	[`${POLICIES}.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin`]: [
		"enable_oob_load_report",
		"blackout_period",
		"weight_expiration_period",
		"weight_update_period",
		"error_utilization_penalty",
		"metric_names_for_computing_utilization",
		"slow_start_config",
	],
	[SUBSET]: [
		"fallback_policy",
		"default_subset",
		"subset_selectors",
		"allow_redundant_keys",
		"locality_weight_aware",
		"scale_locality_weight",
		"panic_mode_any",
		"list_as_any",
		"metadata_fallback_policy",
		"subset_lb_policy",
	],
	[`${SUBSET}.LbSubsetSelector`]: ["keys", "single_host_per_subset", "fallback_policy", "fallback_keys_subset"],
	[`${COMMON}.LocalityLbConfig`]: ["zone_aware_lb_config", "locality_weighted_lb_config"],
	[`${COMMON}.LocalityLbConfig.LocalityWeightedLbConfig`]: [],
	[`${COMMON}.LocalityLbConfig.ZoneAwareLbConfig`]: [
		"routing_enabled",
		"min_cluster_size",
		"fail_traffic_on_panic",
		"force_locality_direct_routing",
		"force_local_zone",
		"locality_basis",
	],
	[`${COMMON}.LocalityLbConfig.ZoneAwareLbConfig.ForceLocalZone`]: ["min_size"],
	[`${COMMON}.ConsistentHashingLbConfig`]: ["use_hostname_for_hashing", "hash_balance_factor", "hash_policy"],
	[`${COMMON}.SlowStartConfig`]: ["slow_start_window", "aggression", "min_weight_percent"],
};
