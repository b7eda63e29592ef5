/** What happens to requests whose subset is not there. */
export type SubsetFallback = "none" | "any" | "default";

/** One way to cut the hosts into subsets: by the values of these keys. */
export interface SubsetSelector {
	/** Sorted, without doubles, never empty. */
	readonly keys: readonly string[];
	/** Each combination of values names one host: the first that has it. */
	readonly singleHost: boolean;
	/** Undefined: that of the cluster. "keys": try again with `fallbackKeys` only. */
	readonly fallback: SubsetFallback | "keys" | undefined;
	readonly fallbackKeys: readonly string[];
}

/** `lb_subset_config` (Envoy: load balancer subsets). */
export interface SubsetConfig {
	readonly fallback: SubsetFallback;
	/** Metadata of the default subset. */
	readonly defaultSubset: Readonly<Record<string, unknown>>;
	readonly selectors: readonly SubsetSelector[];
	readonly localityWeightAware: boolean;
	readonly scaleLocalityWeight: boolean;
	/** When the fallback has no host either: any host. */
	readonly panicModeAny: boolean;
	/** A list in a host's metadata stands for each of its values. */
	readonly listAsAny: boolean;
	/** Route metadata `fallback_list`: tried one after the other. */
	readonly metadataFallbackList: boolean;
	/** Keys of the request beyond those of a selector are left out. */
	readonly allowRedundantKeys: boolean;
}
