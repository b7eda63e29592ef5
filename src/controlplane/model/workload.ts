import type { Locality, WorkloadIdentity } from "./service.ts";

/** A pod as far as the mesh cares: where it is, what it is, which ports it declares. */
export interface Workload {
	readonly podName: string;
	readonly namespace: string;
	readonly ip: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly annotations: Readonly<Record<string, string>>;
	readonly identity: WorkloadIdentity;
	readonly locality: Locality;
	readonly nodeName: string;
	readonly containerPorts: readonly ContainerPort[];
	readonly hasSidecar: boolean;
}

export interface ContainerPort {
	readonly number: number;
	readonly name: string;
}

/** Key of a workload in the snapshot. */
export function workloadKey(namespace: string, podName: string): string {
	return `${namespace}/${podName}`;
}
