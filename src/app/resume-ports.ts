import { createServer } from "node:net";
import type { MeshPorts, MeshState } from "./mesh-state.ts";

/**
 * A mesh that comes back opens the ports that it had: proxies that lived on know them, and so do people. Only what the user left to
 * chance (0) is taken from the earlier state, and only while nobody else has it.
 */
export async function resumePorts(wanted: MeshPorts, before: MeshState | undefined, hosts: Hosts): Promise<MeshPorts> {
	if (!before) return wanted;
	const entries = Object.entries(wanted) as [keyof MeshPorts, number][];
	const ports = await Promise.all(
		entries.map(async ([name, port]) => {
			const earlier = before.ports[name];
			const host = name === "kubelet" ? hosts.node : hosts.bind;
			return [name, port === 0 && (await isFree(earlier, host)) ? earlier : port] as const;
		}),
	);
	return Object.fromEntries(ports) as unknown as MeshPorts;
}

/** Addresses that the ports are opened at: the pod runner's at the node's, all others at `bind`. */
export interface Hosts {
	readonly bind: string;
	readonly node: string;
}

function isFree(port: number, host: string): Promise<boolean> {
	return new Promise((resolve) => {
		const server = createServer();
		server.once("error", () => resolve(false)); // Whatever stands in the way, another port will do.
		server.listen(port, host, () => server.close(() => resolve(true)));
	});
}
