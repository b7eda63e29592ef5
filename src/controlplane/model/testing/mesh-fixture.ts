import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../../kinds/object.ts";
import { labelsMatch } from "../config-object.ts";
import { DEFAULT_MESH_CONFIG, type MeshConfig } from "../mesh-config.ts";
import type { Snapshot } from "../snapshot.ts";
import { SnapshotBuilder, type SnapshotSources } from "../snapshot-builder.ts";

/** Which fixture list each kind goes to. */
const LISTS: Readonly<Record<string, keyof Omit<SnapshotSources, "mesh">>> = {
	Service: "services",
	EndpointSlice: "endpointSlices",
	Pod: "pods",
	Node: "nodes",
	Namespace: "namespaces",
	VirtualService: "virtualServices",
	DestinationRule: "destinationRules",
	Gateway: "gateways",
	ServiceEntry: "serviceEntries",
};

interface PodTemplate {
	readonly metadata: { readonly labels: Record<string, string>; readonly annotations?: Record<string, string> };
	readonly spec: { readonly containers: { name: string; ports?: { containerPort: number; name?: string }[] }[] };
}

/**
 * A cluster made of YAML for tests: does at once what controllers do over time (cluster IPs, pods of Deployments with a
 * sidecar and an address each, EndpointSlices). Objects get ascending creation times in the order of `apply`.
 */
export class MeshFixture {
	readonly objects = new Map<string, KubeObject>();
	mesh: MeshConfig;
	/** Gives each pod its address; replace it where pods must be reachable. */
	nextPodIp: () => string;
	readonly #builder = new SnapshotBuilder();
	#count = 0;
	#version = 0;

	constructor(mesh: Partial<MeshConfig> = {}) {
		this.mesh = { ...DEFAULT_MESH_CONFIG, ...mesh };
		let pods = 0;
		this.nextPodIp = () => `10.1.0.${++pods}`;
	}

	/** Applies every document of a YAML text. */
	apply(yaml: string, namespace = "default"): this {
		for (const document of parseAllDocuments(yaml)) {
			const object = document.toJS() as KubeObject | null;
			if (object?.kind) this.put(object, namespace);
		}
		this.#fillSlices();
		return this;
	}

	put(object: KubeObject, namespace = "default"): KubeObject {
		object.metadata.namespace ??= namespace;
		const key = `${object.kind}/${object.metadata.namespace}/${object.metadata.name}`;
		const old = this.objects.get(key);
		object.metadata.creationTimestamp ??=
			old?.metadata.creationTimestamp ?? new Date(1_700_000_000_000 + 1000 * ++this.#count).toISOString();
		object.metadata.uid ??= key;
		object.metadata.resourceVersion = String(++this.#version);
		if (object.kind === "Service") this.#giveClusterIp(object);
		if (object.kind === "Deployment") this.#makePods(object);
		this.objects.set(key, object);
		return object;
	}

	delete(kind: string, namespace: string, name: string): void {
		this.objects.delete(`${kind}/${namespace}/${name}`);
		this.#fillSlices();
	}

	list(kind: string): readonly KubeObject[] {
		return [...this.objects.values()].filter((o) => o.kind === kind);
	}

	/** The first pod of a Deployment. */
	pod(deployment: string, namespace = "default"): KubeObject {
		const pod = this.list("Pod").find(
			(p) => p.metadata.namespace === namespace && p.metadata.name?.startsWith(`${deployment}-`),
		);
		if (!pod) throw new Error(`the fixture has no pod of ${namespace}/${deployment}`);
		return pod;
	}

	sources(): SnapshotSources {
		const lists = Object.entries(LISTS).map(([kind, list]) => [list, this.list(kind)]);
		return { ...(Object.fromEntries(lists) as Omit<SnapshotSources, "mesh">), mesh: this.mesh };
	}

	/** The snapshot now; unchanged objects keep their identity from one call to the next. */
	snapshot(): Snapshot {
		return this.#builder.build(this.sources());
	}

	#giveClusterIp(service: KubeObject): void {
		const spec = service.spec as { clusterIP?: string; type?: string };
		if (spec.type !== "ExternalName") spec.clusterIP ??= `10.96.0.${this.list("Service").length + 1}`;
	}

	#makePods(deployment: KubeObject): void {
		const { name, namespace } = deployment.metadata;
		const spec = deployment.spec as { replicas?: number; template: PodTemplate };
		for (let i = 0; i < (spec.replicas ?? 1); i++) {
			const podName = `${name}-5d4f8c7b9-${String.fromCharCode(97 + i).repeat(5)}`;
			if (this.objects.has(`Pod/${namespace}/${podName}`)) continue;
			const { labels, annotations } = spec.template.metadata;
			this.put({
				apiVersion: "v1",
				kind: "Pod",
				metadata: {
					name: podName,
					namespace,
					labels: { ...labels, "pod-template-hash": "5d4f8c7b9" },
					annotations,
					ownerReferences: [
						{ apiVersion: "apps/v1", kind: "ReplicaSet", name: `${name}-5d4f8c7b9`, uid: "rs", controller: true },
					],
				},
				spec: { nodeName: "node", ...spec.template.spec },
				status: { podIP: this.nextPodIp(), phase: "Running" },
			});
		}
	}

	/** One slice per Service with a selector, as the endpoint controller would make it. */
	#fillSlices(): void {
		for (const service of this.list("Service")) {
			const { selector, ports } = service.spec as {
				selector?: Record<string, string>;
				ports?: { name?: string; port: number; targetPort?: number | string }[];
			};
			if (!selector) continue;
			const { namespace, name } = service.metadata;
			const pods = this.list("Pod").filter(
				(p) => p.metadata.namespace === namespace && labelsMatch(selector, p.metadata.labels ?? {}),
			);
			const slice = {
				apiVersion: "discovery.k8s.io/v1",
				kind: "EndpointSlice",
				metadata: { name: `${name}-slice`, namespace, labels: { "kubernetes.io/service-name": name ?? "" } },
				addressType: "IPv4",
				endpoints: pods.map((p) => ({
					addresses: [(p.status as { podIP: string }).podIP],
					conditions: { ready: true },
					targetRef: { kind: "Pod", name: p.metadata.name, namespace },
				})),
				ports: (ports ?? []).map((p) => ({ name: p.name ?? "", port: targetNumber(p, pods[0]) })),
			};
			const key = `EndpointSlice/${namespace}/${name}-slice`;
			const old = this.objects.get(key);
			if (JSON.stringify([old?.endpoints, old?.ports]) !== JSON.stringify([slice.endpoints, slice.ports]))
				this.put(slice);
		}
	}
}

function targetNumber(port: { port: number; targetPort?: number | string }, pod: KubeObject | undefined): number {
	const target = port.targetPort ?? port.port;
	if (typeof target === "number") return target;
	const containers = (pod?.spec as { containers?: PodTemplate["spec"]["containers"] } | undefined)?.containers ?? [];
	return containers.flatMap((c) => c.ports ?? []).find((p) => p.name === target)?.containerPort ?? port.port;
}
