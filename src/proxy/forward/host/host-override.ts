import type { Host, UpstreamCluster } from "../../cluster/cluster.ts";
import type { HostOverride } from "../downstream.ts";

/** Endpoints by address, made once per list of endpoints. */
const byAddress = new WeakMap<readonly Host[], ReadonlyMap<string, Host>>();

/** The endpoint that a filter asked for, if the cluster has it and it may be used. */
export function overridingHost(cluster: UpstreamCluster, { address }: HostOverride): Host | undefined {
	const host = hostAt(cluster, address);
	return host && cluster.mayOverride(host) ? host : undefined;
}

/** The endpoint of that address, whatever its health. */
export function hostAt(cluster: UpstreamCluster, address: string): Host | undefined {
	const hosts = cluster.hosts();
	let index = byAddress.get(hosts);
	if (!index) {
		index = new Map(hosts.map((host) => [host.address, host]));
		byAddress.set(hosts, index);
	}
	return index.get(address);
}
