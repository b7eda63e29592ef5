import type { ConfigMeta } from "./config-object.ts";
import type { Protocol } from "./protocol.ts";
import type { Visibility } from "./visibility.ts";

/** How a service's endpoints are found. */
export type Resolution = "EDS" | "DNS" | "DNS_ROUND_ROBIN" | "NONE";

/** A service of the registry: a Kubernetes Service or one host of a ServiceEntry. */
export interface Service {
	readonly meta: ConfigMeta;
	/** FQDN, lower case; also the key of its endpoints. */
	readonly hostname: string;
	readonly registry: "Kubernetes" | "ServiceEntry";
	readonly resolution: Resolution;
	/** Virtual addresses, without `None` and duplicates. */
	readonly addresses: readonly string[];
	readonly headless: boolean;
	readonly ports: readonly ServicePort[];
	readonly selector: Readonly<Record<string, string>> | undefined;
	/** Outside the mesh: no mTLS, told as external in telemetry. */
	readonly external: boolean;
	readonly visibility: Visibility;
	readonly publishNotReady: boolean;
	/** The name behind an ExternalName Service. */
	readonly aliasOf: string | undefined;
}

export interface ServicePort {
	readonly number: number;
	readonly name: string;
	readonly protocol: Protocol;
	/** What an inbound listener binds: a number, or the name of a container port. */
	readonly targetPort: number | string;
}

/** One address that serves one port of a service. */
export interface Endpoint {
	readonly address: string;
	readonly port: number;
	readonly servicePort: number;
	readonly labels: Readonly<Record<string, string>>;
	readonly locality: Locality;
	readonly health: "healthy" | "unready" | "draining";
	readonly tlsMode: "istio" | "disabled";
	/** Relative share in its locality, at least 1. */
	readonly weight: number;
	readonly workload: WorkloadIdentity | undefined;
}

export interface Locality {
	readonly region: string;
	readonly zone: string;
	readonly subzone: string;
}

export const NO_LOCALITY: Locality = Object.freeze({ region: "", zone: "", subzone: "" });

/** What telemetry calls a workload (istio-security-telemetry-cli.md 2.3). */
export interface WorkloadIdentity {
	readonly name: string;
	readonly namespace: string;
	readonly canonicalName: string;
	readonly canonicalRevision: string;
	readonly serviceAccount: string;
}

/** Finds a port by number. */
export function servicePort(service: Service, number: number): ServicePort | undefined {
	return service.ports.find((p) => p.number === number);
}
