import type { Host, UpstreamCluster } from "../cluster/cluster.ts";
import type { ClusterTransports } from "../tls/upstream/cluster-transports.ts";
import { RAW_TRANSPORT } from "../tls/upstream/raw-transport.ts";
import type { UpstreamTransport } from "../tls/upstream/upstream-transport.ts";

/** What secures connections to an endpoint: the cluster's transport socket, or the match that the endpoint's metadata chooses. */
export function transportOf({ info }: UpstreamCluster, host: Host): UpstreamTransport {
	const transports = info.transports as ClusterTransports | undefined;
	return transports === undefined ? RAW_TRANSPORT : transports.forEndpoint(host.metadata);
}
