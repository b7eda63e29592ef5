import type { Host, UpstreamCluster } from "../cluster/cluster.ts";
import type { HostOverride } from "./downstream.ts";

/** Endpoints by address, made once per list of endpoints. */
const byAddress = new WeakMap<readonly Host[], ReadonlyMap<string, Host>>();

/** The endpoint that a filter asked for, if the cluster has it and it may be used. */
export function overridingHost(cluster: UpstreamCluster, { address }: HostOverride): Host | undefined {
	const hosts = cluster.hosts();
	let index = byAddress.get(hosts);
	if (!index) {
		index = new Map(hosts.map((host) => [host.address, host]));
		byAddress.set(hosts, index);
	}
	const host = index.get(address);
	return host && cluster.mayOverride(host) ? host : undefined;
}
