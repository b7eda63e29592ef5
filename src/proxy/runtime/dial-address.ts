import type { ClusterConfig } from "../cluster/cluster-config.ts";

/** `http://host:port` of the cluster's first endpoint: where ADS is dialled. Undefined when it has none. */
export function dialAddress(config: ClusterConfig): string | undefined {
	const { discovery } = config;
	if (!("endpoints" in discovery)) return undefined;
	const [first] = discovery.endpoints.endpoints;
	if (!first) return undefined;
	return `http://${first.host.includes(":") ? `[${first.host}]` : first.host}:${first.port}`;
}
