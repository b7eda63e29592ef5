/** API group of Istio's traffic kinds. */
export const NETWORKING_GROUP = "networking.istio.io";

/** Versions that share one schema; objects are stored as the first. */
export const NETWORKING_VERSIONS = ["v1", "v1beta1", "v1alpha3"] as const;

export const NETWORKING_CATEGORIES = ["istio-io", "networking-istio-io"] as const;
