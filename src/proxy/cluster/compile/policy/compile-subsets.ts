import { type Problem, problem } from "../../../../lib/problem.ts";
import {
	type Cluster_LbSubsetConfig,
	Cluster_LbSubsetConfig_LbSubsetFallbackPolicy as Fallback,
	Cluster_LbSubsetConfig_LbSubsetMetadataFallbackPolicy as MetadataFallback,
	Cluster_LbSubsetConfig_LbSubsetSelector_LbSubsetSelectorFallbackPolicy as SelectorFallback,
} from "../../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { Subset } from "../../../../xds/generated/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.ts";
import type { SubsetConfig, SubsetFallback, SubsetSelector } from "../../../lb/subset-config.ts";
import type { PolicyScope } from "../compile-policies.ts";

const FALLBACKS: Readonly<Record<number, SubsetFallback>> = {
	[Fallback.NO_FALLBACK]: "none",
	[Fallback.ANY_ENDPOINT]: "any",
	[Fallback.DEFAULT_SUBSET]: "default",
};

const SELECTOR_FALLBACKS: Readonly<Record<number, SubsetSelector["fallback"]>> = {
	[SelectorFallback.NO_FALLBACK]: "none",
	[SelectorFallback.ANY_ENDPOINT]: "any",
	[SelectorFallback.DEFAULT_SUBSET]: "default",
	[SelectorFallback.KEYS_SUBSET]: "keys",
};

/** Reads `lb_subset_config`, or the subset policy's message, whose enums have the same numbers. */
export function compileSubsets(message: Cluster_LbSubsetConfig | Subset, { at, problems }: PolicyScope): SubsetConfig {
	const fallback = FALLBACKS[message.fallbackPolicy];
	if (!fallback) problems.push(problem("LTN3240", `${at}fallback_policy`, "there is no such fallback policy"));
	return {
		fallback: fallback ?? "none",
		defaultSubset: message.defaultSubset ?? {},
		selectors: message.subsetSelectors.flatMap((selector, i) =>
			compileSelector(selector, `${at}subset_selectors[${i}]`, problems),
		),
		localityWeightAware: message.localityWeightAware,
		scaleLocalityWeight: message.scaleLocalityWeight,
		panicModeAny: message.panicModeAny,
		listAsAny: message.listAsAny,
		metadataFallbackList: Number(message.metadataFallbackPolicy) === MetadataFallback.FALLBACK_LIST,
		allowRedundantKeys: "allowRedundantKeys" in message && message.allowRedundantKeys,
	};
}

function compileSelector(
	message: Cluster_LbSubsetConfig["subsetSelectors"][number] | Subset["subsetSelectors"][number],
	at: string,
	problems: Problem[],
): SubsetSelector[] {
	const keys = [...new Set(message.keys)].sort();
	const fallbackKeys = [...new Set(message.fallbackKeysSubset)].sort();
	const fallback = SELECTOR_FALLBACKS[message.fallbackPolicy];
	const complain = (field: string, what: string) => void problems.push(problem("LTN3241", `${at}.${field}`, what));
	if (fallback === "keys") {
		if (fallbackKeys.length === 0) complain("fallback_keys_subset", "KEYS_SUBSET needs keys");
		else if (fallbackKeys.some((key) => !keys.includes(key)))
			complain("fallback_keys_subset", "the keys must be among the selector's keys");
		else if (fallbackKeys.length === keys.length)
			complain("fallback_keys_subset", "the keys must be fewer than the selector's");
	} else if (fallbackKeys.length > 0) complain("fallback_keys_subset", "only KEYS_SUBSET has fallback keys");
	if (message.singleHostPerSubset && keys.length !== 1)
		complain("single_host_per_subset", "a selector of single hosts has exactly one key");
	return keys.length === 0 ? [] : [{ keys, singleHost: message.singleHostPerSubset, fallback, fallbackKeys }];
}
