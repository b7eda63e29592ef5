import { labelsMatch } from "../model/config-object.ts";
import type { Gateway, Server } from "../model/gateway.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { ConnectedProxy } from "./connected-proxy.ts";
import { resolveTarget, servicesOf } from "./inbound-ports.ts";

/** The servers that share one listener of a gateway proxy. */
export interface GatewayListener {
	/** The port that is bound: the target port of the gateway's own Service. */
	readonly port: number;
	/** Empty: the proxy's own address. */
	readonly bind: string;
	/** Oldest Gateway first. */
	readonly servers: readonly BoundServer[];
}

export interface BoundServer {
	readonly gateway: Gateway;
	readonly server: Server;
}

/** Gateways without a selector, or whose selector takes the proxy's pod, merged by listener. */
export function gatewayListeners(proxy: ConnectedProxy, snapshot: Snapshot): readonly GatewayListener[] {
	const bound = snapshot.gateways
		.filter((g) => !g.selector || labelsMatch(g.selector, proxy.labels))
		.flatMap((gateway) => gateway.servers.map((server) => ({ gateway, server })));
	const ports = portMapping(proxy, snapshot);
	const portOf = ({ server }: BoundServer) => ports.get(server.port) ?? server.port;
	const listeners = Map.groupBy(bound, (b) => `${portOf(b)} ${b.server.bind}`);
	return [...listeners.values()]
		.map((servers) => ({ port: portOf(servers[0]!), bind: servers[0]!.server.bind, servers }))
		.sort((a, b) => a.port - b.port);
}

/** Service port → target port, over the Services that select the gateway's pod; the first Service wins. */
function portMapping(proxy: ConnectedProxy, snapshot: Snapshot): ReadonlyMap<number, number> {
	const ports = new Map<number, number>();
	for (const service of servicesOf(proxy, snapshot)) {
		for (const port of service.ports) {
			const target = resolveTarget(port.targetPort, proxy.containerPorts);
			if (target !== undefined && !ports.has(port.number)) ports.set(port.number, target);
		}
	}
	return ports;
}

/** `http.8080`, with the bind address when the Gateway names one. */
export function gatewayRouteName({ port, bind }: GatewayListener): string {
	return bind === "" ? `http.${port}` : `http.${port}.${bind}`;
}
