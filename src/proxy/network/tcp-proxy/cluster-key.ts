/** Filter state that names the cluster of tcp_proxy instead of its configuration; sni_cluster sets it (Envoy's key). */
export const CLUSTER_KEY = "envoy.tcp_proxy.cluster";
