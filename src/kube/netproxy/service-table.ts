import type { KubeObject } from "../../kinds/object.ts";
import { CLUSTER_DOMAIN } from "../../lib/names.ts";

export interface ServiceObject extends KubeObject {
	spec: {
		type?: string;
		clusterIP?: string;
		externalName?: string;
		ports?: { name?: string; port: number; nodePort?: number; protocol?: string }[];
	};
	status?: { loadBalancer?: { ingress?: { ip?: string }[] } };
}

export interface EndpointSliceObject extends KubeObject {
	endpoints?: { addresses: string[]; conditions?: { ready?: boolean } }[];
	ports?: { name?: string; port?: number; protocol?: string }[];
}

/** `ip:port` of a ready endpoint. */
export interface Endpoint {
	readonly ip: string;
	readonly port: number;
}

/** A port of a Service with the addresses under which it is to be reached. */
export interface ServicePort {
	readonly namespace: string;
	readonly service: string;
	readonly port: number;
	readonly nodePort: number | undefined;
	/** Undefined: headless. */
	readonly clusterIp: string | undefined;
	readonly loadBalancerIps: readonly string[];
	readonly endpoints: readonly Endpoint[];
}

/** What kube-proxy and DNS need to know of Services; built anew from the caches after a change, frozen since. */
export class ServiceTable {
	readonly ports: readonly ServicePort[];
	readonly #byName = new Map<string, ServicePort[]>();
	readonly #names = new Set<string>();
	readonly #aliases = new Map<string, string>();

	constructor(services: readonly ServiceObject[], slices: readonly EndpointSliceObject[]) {
		const byService = Map.groupBy(
			slices,
			(s) => `${s.metadata.labels?.["kubernetes.io/service-name"]}.${s.metadata.namespace}`,
		);
		this.ports = services.flatMap((service) => {
			const name = `${service.metadata.name}.${service.metadata.namespace}`;
			this.#names.add(name);
			if (service.spec.externalName) this.#aliases.set(name, service.spec.externalName);
			const ports = portsOf(service, byService.get(name) ?? []);
			this.#byName.set(name, ports);
			return ports;
		});
	}

	/** A Service's port by any of its names (`reviews`, `reviews.default`, `reviews.default.svc`, full); `namespace` completes a short one. */
	find(host: string, port: number, namespace: string): ServicePort | undefined {
		const name = this.#resolve(host, namespace);
		return name === undefined ? undefined : this.#byName.get(name)?.find((p) => p.port === port);
	}

	/** True when the name is a Service's, whatever its ports. */
	knows(host: string, namespace: string): boolean {
		return this.#resolve(host, namespace) !== undefined;
	}

	/** IPv4 addresses of a full name for DNS: the cluster IP, a headless Service's ready endpoints; undefined: no such name. */
	addresses(fullName: string): readonly string[] | undefined {
		const name = stripDomain(fullName);
		if (name === undefined || !this.#names.has(name)) return undefined;
		const ports = this.#byName.get(name) ?? [];
		const clusterIps = ports.map((p) => p.clusterIp).filter((ip) => ip !== undefined);
		if (clusterIps.length > 0) return [clusterIps[0]!];
		return [...new Set(ports.flatMap((p) => p.endpoints.map((e) => e.ip)))];
	}

	/** Where an ExternalName Service points. */
	alias(fullName: string): string | undefined {
		const name = stripDomain(fullName);
		return name === undefined ? undefined : this.#aliases.get(name);
	}

	#resolve(host: string, namespace: string): string | undefined {
		const lower = host.toLowerCase();
		const candidates = [`${lower}.${namespace}`, lower, stripDomain(lower)];
		return candidates.find((name) => name !== undefined && this.#names.has(name));
	}
}

/** `reviews.default` out of `reviews.default.svc[.cluster.local][.]`. */
function stripDomain(name: string): string | undefined {
	const match = new RegExp(`^([^.]+\\.[^.]+)\\.svc(?:\\.${CLUSTER_DOMAIN.replaceAll(".", "\\.")})?\\.?$`).exec(
		name.toLowerCase(),
	);
	return match?.[1];
}

function portsOf(service: ServiceObject, slices: readonly EndpointSliceObject[]): ServicePort[] {
	const { clusterIP } = service.spec;
	const tcp = (service.spec.ports ?? []).filter((p) => (p.protocol ?? "TCP") === "TCP");
	return tcp.map((p) => ({
		namespace: service.metadata.namespace!,
		service: service.metadata.name!,
		port: p.port,
		nodePort: p.nodePort,
		clusterIp: clusterIP && clusterIP !== "None" ? clusterIP : undefined,
		loadBalancerIps: (service.status?.loadBalancer?.ingress ?? []).map((i) => i.ip).filter((ip) => ip !== undefined),
		endpoints: endpointsOf(p.name, slices),
	}));
}

function endpointsOf(portName: string | undefined, slices: readonly EndpointSliceObject[]): Endpoint[] {
	return slices.flatMap((slice) => {
		const port = slice.ports?.find((p) => (p.name ?? "") === (portName ?? ""))?.port;
		if (port === undefined) return [];
		const ready = (slice.endpoints ?? []).filter((e) => e.conditions?.ready !== false);
		return ready.flatMap((e) => e.addresses.map((ip) => ({ ip, port })));
	});
}
