import { labelsMatch } from "../model/config-object.ts";
import { type Protocol, selectProtocol } from "../model/protocol.ts";
import type { Service } from "../model/service.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { ContainerPort } from "../model/workload.ts";
import type { ConnectedProxy } from "./connected-proxy.ts";

/** A port on which a sidecar accepts traffic for its application. */
export interface InboundPort {
	/** Target port. */
	readonly number: number;
	readonly protocol: Protocol;
	/** The port's number at the service; the target port when no service has it. */
	readonly servicePort: number;
	readonly service: Service | undefined;
}

/** Ports of the proxy itself; an application cannot have them. */
const RESERVED = new Set([15000, 15001, 15004, 15006, 15007, 15008, 15020, 15021, 15053, 15090]);

/**
 * What a sidecar listens on: the target ports of the services that select its pod (the oldest service decides a shared
 * port's protocol), then the container ports that no service names, so that calls by pod address keep working.
 */
export function inboundPorts(proxy: ConnectedProxy, snapshot: Snapshot): readonly InboundPort[] {
	const ports = new Map<number, InboundPort>();
	for (const service of servicesOf(proxy, snapshot)) {
		for (const port of service.ports) {
			const number = resolveTarget(port.targetPort, proxy.containerPorts);
			if (number === undefined || RESERVED.has(number) || ports.has(number)) continue;
			ports.set(number, { number, protocol: port.protocol, servicePort: port.number, service });
		}
	}
	for (const { number, name } of proxy.containerPorts) {
		if (RESERVED.has(number) || ports.has(number)) continue;
		ports.set(number, { number, protocol: selectProtocol({ number, name }), servicePort: number, service: undefined });
	}
	return [...ports.values()].sort((a, b) => a.number - b.number);
}

/** Kubernetes Services whose selector takes the proxy's pod, oldest first. */
export function servicesOf(proxy: ConnectedProxy, snapshot: Snapshot): readonly Service[] {
	return snapshot.services.filter(
		(s) => s.selector && s.meta.namespace === proxy.namespace && labelsMatch(s.selector, proxy.labels),
	);
}

/** A named target port is the container port of that name. */
export function resolveTarget(target: number | string, containerPorts: readonly ContainerPort[]): number | undefined {
	return typeof target === "number" ? target : containerPorts.find((p) => p.name === target)?.number;
}
