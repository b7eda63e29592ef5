import type { NetworkFilterDeps, NetworkFilterFactory } from "../network-filter.ts";

/**
 * Istio's exchange of workload metadata at the beginning of a TCP connection (`istio.metadata_exchange`): taken, and passed by. Peers are
 * told by their certificates instead, so nothing is lost but labels of metrics.
 */
export function istioMetadataExchangeFactory({ warn }: NetworkFilterDeps): NetworkFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange",
		parse(_config, path, name) {
			warn(path, "metadata is not exchanged over TCP connections: the filter does nothing");
			return { name, create: () => PASSING };
		},
	};
}

const PASSING = {};
