import { connectionLimitFactory } from "./filters/connection-limit.ts";
import { istioMetadataExchangeFactory } from "./filters/istio-metadata-exchange.ts";
import { istioTcpStatsFactory } from "./filters/istio-tcp-stats.ts";
import { localRateLimitFactory } from "./filters/local-rate-limit.ts";
import { mongoProxyFactory } from "./filters/mongo-proxy.ts";
import { extAuthzFactory } from "./filters/network-ext-authz.ts";
import { rbacFactory } from "./filters/network-rbac.ts";
import { networkSetFilterStateFactory } from "./filters/network-set-filter-state.ts";
import { sniClusterFactory } from "./filters/sni-cluster.ts";
import { sniForwardProxyFactory } from "./filters/sni-dynamic-forward-proxy.ts";
import type { NetworkFilterDeps, NetworkFilterFactory } from "./network-filter.ts";

/** All network filters that may stand before a terminal one. */
export function networkFilterFactories(deps: NetworkFilterDeps): readonly NetworkFilterFactory[] {
	return [
		rbacFactory(deps),
		extAuthzFactory(deps),
		connectionLimitFactory(deps),
		localRateLimitFactory(deps),
		networkSetFilterStateFactory(deps),
		mongoProxyFactory(deps),
		sniClusterFactory(),
		sniForwardProxyFactory(deps),
		istioMetadataExchangeFactory(deps),
		istioTcpStatsFactory(deps),
	];
}

/** For `node.extensions`. */
export const NETWORK_FILTER_NAMES: readonly string[] = [
	"envoy.filters.network.http_connection_manager",
	"envoy.filters.network.tcp_proxy",
	"envoy.filters.network.rbac",
	"envoy.filters.network.ext_authz",
	"envoy.filters.network.connection_limit",
	"envoy.filters.network.local_ratelimit",
	"envoy.filters.network.direct_response",
	"envoy.filters.network.echo",
	"envoy.filters.network.set_filter_state",
	"envoy.filters.network.mongo_proxy",
	"envoy.filters.network.sni_cluster",
	"envoy.filters.network.sni_dynamic_forward_proxy",
	"istio.metadata_exchange",
	"istio.stats",
];
