/** Names of filters as proxies list them in `node.extensions`. */
export const ROUTER_FILTER = "envoy.filters.http.router";
export const FAULT_FILTER = "envoy.filters.http.fault";
export const CORS_FILTER = "envoy.filters.http.cors";
export const GRPC_STATS_FILTER = "envoy.filters.http.grpc_stats";
export const HTTP_CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager";
export const TCP_PROXY = "envoy.filters.network.tcp_proxy";
export const METADATA_EXCHANGE_FILTER = "istio.metadata_exchange";
export const STATS_FILTER = "istio.stats";
