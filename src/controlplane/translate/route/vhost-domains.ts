import type { Service } from "../../model/service.ts";

/** Names under which clients of one namespace know a service. */
export interface ServiceNames {
	/** The host itself: never displaced by another service's short form. */
	readonly own: readonly string[];
	/** Short forms and addresses. */
	readonly others: readonly string[];
}

/** The names of a service as a client writes them, without a port (istio-traffic-api.md 10.3). */
export function serviceNames(service: Service, clientNamespace: string, clusterDomain: string): ServiceNames {
	const own = [service.hostname, `${service.hostname}.`];
	const addresses = service.addresses.filter((a) => a !== "0.0.0.0").map(bracketIpv6);
	if (service.registry !== "Kubernetes") return { own, others: addresses };
	const { name, namespace } = service.meta;
	const suffix = `svc.${clusterDomain}`.split(".")[0]!;
	const qualified = `${name}.${namespace}`;
	const short =
		namespace === clientNamespace ? [name, `${qualified}.${suffix}`, qualified] : [qualified, `${qualified}.${suffix}`];
	return { own, others: [...short, ...addresses] };
}

/**
 * The domains of one port's virtual host in a listener that serves every port (explicit proxy): each name with the port,
 * and without it on port 80, where clients leave it out.
 */
export function withPort(names: readonly string[], port: number): readonly string[] {
	const explicit = names.map((name) => `${name}:${port}`);
	return port === 80 ? [...names, ...explicit] : explicit;
}

function bracketIpv6(address: string): string {
	return address.includes(":") ? `[${address}]` : address;
}
