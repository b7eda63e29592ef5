import type { KubeObject } from "../../kinds/object.ts";
import { type ConfigMeta, compareAge, metaOf, type ObjectProblems } from "./config-object.ts";
import { resolveDelegates } from "./delegation.ts";
import type { DestinationRule } from "./destination-rule.ts";
import { type Gateway, parseGateway } from "./gateway.ts";
import { IdentityMemo } from "./identity-memo.ts";
import type { MeshConfig } from "./mesh-config.ts";
import { parseDestinationRule } from "./parse-destination-rule.ts";
import { parseService } from "./parse-service.ts";
import { parseServiceEntry, type ServiceEntry } from "./parse-service-entry.ts";
import { parseVirtualService } from "./parse-virtual-service.ts";
import { localityOf, parseWorkload } from "./parse-workload.ts";
import type { Parsed } from "./parsed.ts";
import type { Endpoint, Locality, Service } from "./service.ts";
import { sliceEndpoints } from "./slice-endpoints.ts";
import type { Snapshot } from "./snapshot.ts";
import type { VirtualService } from "./virtual-service.ts";
import { type Workload, workloadKey } from "./workload.ts";

/** The objects that a snapshot is made from, by kind; each list as the API server gave it. */
export interface SnapshotSources {
	readonly mesh: MeshConfig;
	readonly services: readonly KubeObject[];
	readonly endpointSlices: readonly KubeObject[];
	readonly pods: readonly KubeObject[];
	readonly nodes: readonly KubeObject[];
	readonly namespaces: readonly KubeObject[];
	readonly virtualServices: readonly KubeObject[];
	readonly destinationRules: readonly KubeObject[];
	readonly gateways: readonly KubeObject[];
	readonly serviceEntries: readonly KubeObject[];
}

const SERVICE_NAME = "kubernetes.io/service-name";

/**
 * Makes snapshots from objects. Keeps what it read, so that an object that is the same as last time (by identity) is not
 * read again and keeps its identity in the next snapshot; so do lists none of whose members changed.
 */
export class SnapshotBuilder {
	readonly #parsed = new IdentityMemo<Parsed<unknown>>();
	readonly #lists = new IdentityMemo<readonly unknown[]>();
	readonly #endpoints = new IdentityMemo<readonly Endpoint[]>();
	readonly #localities = new IdentityMemo<Locality>();
	#version = 0;

	build(sources: SnapshotSources): Snapshot {
		const problems: ObjectProblems[] = [];
		const { mesh } = sources;
		const read = <T>(objects: readonly KubeObject[], parse: (o: KubeObject) => Parsed<T>, deps: readonly unknown[]) =>
			this.#readAll(objects, parse, { deps, problems });
		const workloads = this.#readWorkloads(sources, read);
		const kubeServices = read(sources.services, (o) => parseService(o, mesh), [mesh]);
		const entries = read<ServiceEntry>(sources.serviceEntries, (o) => parseServiceEntry(o, mesh), [mesh]);
		const services = this.#list<Service>("services", [...kubeServices, ...entries.flatMap((e) => e.services)]);
		const snapshot: Snapshot = {
			version: ++this.#version,
			mesh,
			services,
			virtualServices: this.#resolveDelegates(
				this.#list<VirtualService>(
					"virtualServices",
					read(sources.virtualServices, (o) => parseVirtualService(o, mesh), [mesh]),
				),
			),
			destinationRules: this.#list<DestinationRule>(
				"destinationRules",
				read(sources.destinationRules, (o) => parseDestinationRule(o, mesh), [mesh]),
			),
			gateways: this.#list<Gateway>("gateways", read(sources.gateways, parseGateway, [])),
			workloads,
			endpoints: this.#buildEndpoints(sources, kubeServices, entries, workloads),
			namespaces: new Set(sources.namespaces.map((n) => n.metadata.name ?? "")),
			problems,
		};
		this.#sweep();
		return Object.freeze(snapshot);
	}

	/** Delegates are merged anew only when some VirtualService changed. */
	#resolveDelegates(all: readonly VirtualService[]): readonly VirtualService[] {
		return this.#lists.get("resolved", [all], () => resolveDelegates(all)) as readonly VirtualService[];
	}

	#sweep(): void {
		for (const memo of [this.#parsed, this.#lists, this.#endpoints, this.#localities]) memo.sweep();
	}

	#readAll<T>(
		objects: readonly KubeObject[],
		parse: (object: KubeObject) => Parsed<T>,
		on: { deps: readonly unknown[]; problems: ObjectProblems[] },
	): T[] {
		const values: T[] = [];
		for (const object of objects) {
			const { kind, namespace, name } = metaOf(object);
			const key = `${object.apiVersion.split("/")[0]}/${kind}/${namespace}/${name}`;
			const parsed = this.#parsed.get(key, [object, ...on.deps], () => parse(object)) as Parsed<T>;
			if (parsed.value !== undefined) values.push(parsed.value);
			if (parsed.problems.length > 0) {
				const ref = { kind, namespace, name };
				on.problems.push({ ref, dropped: parsed.value === undefined, problems: parsed.problems });
			}
		}
		return values;
	}

	/** Sorted by age; the very same list when its members are the same as last time. */
	#list<T extends { readonly meta: ConfigMeta }>(key: string, members: readonly T[]): readonly T[] {
		const sorted = [...members].sort((a, b) => compareAge(a.meta, b.meta));
		return this.#lists.get(key, sorted, () => Object.freeze(sorted)) as readonly T[];
	}

	#readWorkloads(
		sources: SnapshotSources,
		read: <T>(objects: readonly KubeObject[], parse: (o: KubeObject) => Parsed<T>, deps: readonly unknown[]) => T[],
	): ReadonlyMap<string, Workload> {
		const nodes = new Map(sources.nodes.map((n) => [n.metadata.name ?? "", n]));
		const localityOfNode = (name: string) => {
			const labels = nodes.get(name)?.metadata.labels;
			// A node's status changes every few seconds; only a new locality may make its pods new.
			return this.#localities.get(name, [JSON.stringify(labels)], () => localityOf(nodes.get(name)));
		};
		const byNode = Map.groupBy(sources.pods, (pod) =>
			String((pod.spec as { nodeName?: unknown } | null)?.nodeName ?? ""),
		);
		const workloads = new Map<string, Workload>();
		for (const [node, pods] of byNode) {
			const locality = localityOfNode(node);
			for (const w of read(pods, (pod) => parseWorkload(pod, localityOfNode), [locality]))
				workloads.set(workloadKey(w.namespace, w.podName), w);
		}
		return workloads;
	}

	#buildEndpoints(
		sources: SnapshotSources,
		services: readonly Service[],
		entries: readonly ServiceEntry[],
		workloads: ReadonlyMap<string, Workload>,
	): ReadonlyMap<string, readonly Endpoint[]> {
		const endpoints = new Map<string, readonly Endpoint[]>();
		for (const entry of entries) {
			for (const { hostname } of entry.services)
				endpoints.set(hostname, [...(endpoints.get(hostname) ?? []), ...entry.endpoints]);
		}
		const slices = Map.groupBy(sources.endpointSlices, (slice) => {
			const labels = slice.metadata.labels ?? {};
			return `${slice.metadata.namespace}/${labels[SERVICE_NAME] ?? ""}`;
		});
		for (const service of services) {
			const own = slices.get(`${service.meta.namespace}/${service.meta.name}`) ?? [];
			const used = own.flatMap((slice) => targetWorkloads(slice, workloads));
			const compute = () => sliceEndpoints(service, own, workloads);
			endpoints.set(service.hostname, this.#endpoints.get(service.hostname, [service, ...own, ...used], compute));
		}
		return endpoints;
	}
}

function targetWorkloads(slice: KubeObject, workloads: ReadonlyMap<string, Workload>): (Workload | undefined)[] {
	const endpoints = Array.isArray(slice.endpoints) ? (slice.endpoints as { targetRef?: { name?: string } }[]) : [];
	return endpoints.map((e) => workloads.get(workloadKey(slice.metadata.namespace ?? "", e.targetRef?.name ?? "")));
}
