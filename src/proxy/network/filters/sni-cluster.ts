import type { NetworkFilterFactory } from "../network-filter.ts";
import { CLUSTER_KEY } from "../tcp-proxy/cluster-key.ts";

/** Names the cluster of tcp_proxy after the server name that the client asked for (Envoy: envoy.filters.network.sni_cluster). */
export function sniClusterFactory(): NetworkFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.network.sni_cluster.v3.SniCluster",
		parse: (_config, _path, name) => ({
			name,
			create: () => ({
				onNewConnection({ connection }) {
					const { requestedServerName: sni } = connection;
					if (sni !== undefined && sni !== "") connection.filterState.set(CLUSTER_KEY, sni);
					return "continue";
				},
			}),
		}),
	};
}
