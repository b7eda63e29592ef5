import type { KubeObject } from "../kinds/object.ts";
import type { Informer, KubeClient, ResourceRef } from "../kube/client/kube-client.ts";
import { RESOURCES } from "../kube/client/resources.ts";
import { PROXY_CONTAINER } from "../lib/names.ts";

export interface PodObject extends KubeObject {
	spec: { containers: { name: string }[] };
	status?: { podIP?: string; conditions?: { type: string; status: string }[] };
}

export interface ServiceObject extends KubeObject {
	spec: { type?: string; ports?: { name?: string; port: number; protocol?: string }[] };
}

export interface EndpointSliceObject extends KubeObject {
	endpoints?: { conditions?: { ready?: boolean }; addresses: string[] }[];
}

const istio = (plural: string): ResourceRef => ({
	group: "networking.istio.io",
	version: "v1",
	plural,
	namespaced: true,
});

/** The rules that the console shows, in the order of the page. */
const RULE_RESOURCES = ["virtualservices", "destinationrules", "gateways", "serviceentries"].map(istio);

/** Live caches of what the console shows. */
export interface MeshWatch {
	readonly pods: Informer<PodObject>;
	readonly services: Informer<ServiceObject>;
	readonly slices: Informer<EndpointSliceObject>;
	readonly rules: readonly Informer<KubeObject>[];
	stop(): void;
}

export function watchMesh(client: KubeClient): MeshWatch {
	const watch = {
		pods: client.informer<PodObject>(RESOURCES.pods),
		services: client.informer<ServiceObject>(RESOURCES.services),
		slices: client.informer<EndpointSliceObject>(RESOURCES.endpointSlices),
		rules: RULE_RESOURCES.map((ref) => client.informer(ref)),
	};
	const all = [watch.pods, watch.services, watch.slices, ...watch.rules];
	for (const informer of all) informer.start();
	return {
		...watch,
		stop: () =>
			all.forEach((informer) => {
				informer.stop();
			}),
	};
}

export const hasProxy = (pod: PodObject): boolean => pod.spec.containers.some((c) => c.name === PROXY_CONTAINER);

export const podName = (pod: KubeObject): string => `${pod.metadata.name}.${pod.metadata.namespace}`;
