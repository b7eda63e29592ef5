/**
 * Loopback addresses of one mesh in network mode `loopback`. A mesh owns one block 127.<block>.0.0/16, so that several
 * meshes (a person's and a test's) live side by side on a machine:
 *
 *   127.<b>.0.1                node: forward proxy and DNS for pods without a sidecar
 *   127.<b>.1.0   - .63.255    pod addresses (`status.podIP`; the sidecar listens here, or the app when there is none)
 *   127.<b>.65.0  - .127.255   application addresses, third octet + 64 of the pod address, only for pods with a sidecar
 *   127.<b>.128.0 - .191.255   Service cluster IPs (128.1 is default/kubernetes)
 *   127.<b>.192.0 - .255.255   LoadBalancer addresses
 */
export interface AddressPlan {
	readonly block: number;
	readonly nodeIp: string;
	readonly kubernetesServiceIp: string;
	podIp(index: number): string;
	serviceIp(index: number): string;
	loadBalancerIp(index: number): string;
	/** The application's own address behind a sidecar that owns `podIp`. */
	appIp(podIp: string): string;
	contains(ip: string): boolean;
}

/** How many pod, Service and LoadBalancer addresses one block has (indexes start at 0). */
export const ADDRESSES_PER_RANGE = 63 * 254;

/** Ports of the node-level helpers on `nodeIp`. */
export const NODE_PROXY_PORT = 15007;
export const NODE_DNS_PORT = 15053;

export function addressPlan(block: number): AddressPlan {
	if (!Number.isInteger(block) || block < 1 || block > 254)
		throw new RangeError(`address block ${block} is not in 1..254`);
	const at = (firstThird: number, index: number) => {
		if (index < 0 || index >= ADDRESSES_PER_RANGE) throw new RangeError(`address index ${index} is out of range`);
		return `127.${block}.${firstThird + Math.floor(index / 254)}.${1 + (index % 254)}`;
	};
	return {
		block,
		nodeIp: `127.${block}.0.1`,
		kubernetesServiceIp: `127.${block}.128.1`,
		podIp: (index) => at(1, index),
		serviceIp: (index) => at(128, index),
		loadBalancerIp: (index) => at(192, index),
		appIp(podIp) {
			const [, , third, fourth] = podIp.split(".");
			return `127.${block}.${Number(third) + 64}.${fourth}`;
		},
		contains: (ip) => ip.startsWith(`127.${block}.`),
	};
}
