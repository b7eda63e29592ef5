import { type AddressPlan, NODE_DNS_PORT, NODE_PROXY_PORT } from "../../lib/address-plan.ts";
import { PORTS, PROXY_CONTAINER } from "../../lib/names.ts";
import type { Pod } from "../client/pod.ts";

/** The addresses of one pod in network mode loopback (docs/contracts.md). */
export interface PodNetwork {
	/** `status.podIP`: the sidecar's, or the application's when there is none. */
	readonly podIp: string;
	/** Where the application listens. */
	readonly appIp: string;
	readonly hasSidecar: boolean;
	/** `host:port` of the HTTP proxy that the application's requests go through. */
	readonly httpProxy: string;
	readonly dns: string;
	readonly hostIp: string;
}

/** A gateway's proxy is the pod's application; only a proxy beside other containers is a sidecar. */
export function podNetwork(pod: Pod, podIp: string, plan: AddressPlan): PodNetwork {
	const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
	const proxy = all.find(({ name }) => name === PROXY_CONTAINER);
	const hasSidecar = proxy !== undefined && !proxy.args?.includes("router");
	return {
		podIp,
		hasSidecar,
		appIp: hasSidecar ? plan.appIp(podIp) : podIp,
		httpProxy: hasSidecar ? `${podIp}:${PORTS.httpProxy}` : `${plan.nodeIp}:${NODE_PROXY_PORT}`,
		dns: `${plan.nodeIp}:${NODE_DNS_PORT}`,
		hostIp: plan.nodeIp,
	};
}

/** The address that `localhost` means inside a container: the sidecar lives on the pod's, everyone else on the application's. */
export function ownAddress(network: PodNetwork, containerName: string): string {
	return containerName === PROXY_CONTAINER ? network.podIp : network.appIp;
}

/** Where a probe of a container goes; the sidecar's health ports are the sidecar's, whoever declares the probe. */
export function probeAddress(network: PodNetwork, containerName: string, port: number): string {
	const isSidecarPort = port === PORTS.agent || port === PORTS.ready;
	return network.hasSidecar && isSidecarPort ? network.podIp : ownAddress(network, containerName);
}
