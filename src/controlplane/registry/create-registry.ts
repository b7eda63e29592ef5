import type { KubeObject } from "../../kinds/object.ts";
import type { Change, Informer, KubeClient } from "../../kube/client/kube-client.ts";
import { RESOURCES } from "../../kube/client/resources.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import { metaOf } from "../model/config-object.ts";
import { IdentityMemo } from "../model/identity-memo.ts";
import type { MeshConfig } from "../model/mesh-config.ts";
import type { Snapshot, SnapshotChange } from "../model/snapshot.ts";
import { SnapshotBuilder } from "../model/snapshot-builder.ts";
import { Debouncer } from "./debouncer.ts";
import { type MeshConfigReading, readMeshConfig } from "./mesh-config-source.ts";
import { ENDPOINT_RESOURCES, MESH_CONFIG_MAP, MESH_RESOURCES, type MeshResource } from "./mesh-resources.ts";
import { createRegistryMetrics, type RegistryMetrics } from "./registry-metrics.ts";

export interface RegistryOptions {
	readonly client: KubeClient;
	/** Used where the ConfigMap `istio` of the root namespace says nothing. */
	readonly meshConfig: MeshConfig;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly metrics: Metrics;
}

export interface Registry {
	/** Resolves with the first snapshot, made when every informer has its first list. */
	readonly ready: Promise<Snapshot>;
	/** Undefined until ready. */
	readonly snapshot: Snapshot | undefined;
	/** Called with every later snapshot; the returned function unsubscribes. */
	onSnapshot(handler: (snapshot: Snapshot, change: SnapshotChange) => void): () => void;
	stop(): void;
}

/** A lone change is acted on almost at once; a storm of them at least five times a second. */
const DEBOUNCE = { quietMs: 25, maxMs: 200 };

/** Watches the Kubernetes API and turns what it sees into snapshots. */
export function createRegistry(options: RegistryOptions): Registry {
	return new InformerRegistry(options);
}

class InformerRegistry implements Registry {
	readonly ready: Promise<Snapshot>;
	readonly #options: RegistryOptions;
	readonly #metrics: RegistryMetrics;
	readonly #informers: Readonly<Record<MeshResource, Informer<KubeObject>>>;
	readonly #configMaps: Informer<KubeObject>;
	readonly #builder = new SnapshotBuilder();
	readonly #meshConfigs = new IdentityMemo<MeshConfigReading>();
	readonly #handlers = new Set<(snapshot: Snapshot, change: SnapshotChange) => void>();
	readonly #debouncer: Debouncer;
	#snapshot: Snapshot | undefined;
	#keys = new Set<string>();
	#endpointsOnly = true;

	constructor(options: RegistryOptions) {
		this.#options = options;
		this.#metrics = createRegistryMetrics(options.metrics);
		const { client, meshConfig } = options;
		const watch = (resource: MeshResource) => {
			const informer = client.informer(MESH_RESOURCES[resource]);
			informer.onChange((change) => this.#note(resource, change));
			return [resource, informer] as const;
		};
		const resources = Object.keys(MESH_RESOURCES) as MeshResource[];
		this.#informers = Object.fromEntries(resources.map(watch)) as Record<MeshResource, Informer<KubeObject>>;
		this.#configMaps = client.informer(RESOURCES.configMaps, {
			namespace: meshConfig.rootNamespace,
			fieldSelector: `metadata.name=${MESH_CONFIG_MAP}`,
		});
		this.#configMaps.onChange((change) => this.#note(undefined, change));
		this.#debouncer = new Debouncer(options.clock, DEBOUNCE, (waitedMs) => this.#rebuild(waitedMs));
		this.ready = this.#start();
	}

	get snapshot(): Snapshot | undefined {
		return this.#snapshot;
	}

	onSnapshot(handler: (snapshot: Snapshot, change: SnapshotChange) => void): () => void {
		this.#handlers.add(handler);
		return () => this.#handlers.delete(handler);
	}

	stop(): void {
		this.#debouncer.stop();
		for (const informer of this.#all()) informer.stop();
	}

	#all(): Informer<KubeObject>[] {
		return [...Object.values(this.#informers), this.#configMaps];
	}

	async #start(): Promise<Snapshot> {
		for (const informer of this.#all()) informer.start();
		await Promise.all(this.#all().map((informer) => informer.synced));
		this.#debouncer.stop();
		this.#snapshot = this.#build();
		this.#forgetChanges();
		return this.#snapshot;
	}

	#note(resource: MeshResource | undefined, change: Change<KubeObject>): void {
		const { kind, namespace, name } = metaOf(change.object);
		this.#metrics.event(kind, change.type);
		if (!this.#snapshot || isIrrelevant(resource, change)) return;
		this.#keys.add(`${kind}/${namespace}/${name}`);
		if (!resource || !ENDPOINT_RESOURCES.has(resource)) this.#endpointsOnly = false;
		this.#debouncer.request();
	}

	#rebuild(waitedMs: number): void {
		const change: SnapshotChange = { keys: this.#keys, endpointsOnly: this.#endpointsOnly };
		this.#forgetChanges();
		this.#snapshot = this.#build();
		this.#metrics.rebuilt(this.#snapshot, change, waitedMs);
		for (const handler of [...this.#handlers]) handler(this.#snapshot, change);
	}

	#forgetChanges(): void {
		this.#keys = new Set();
		this.#endpointsOnly = true;
	}

	#build(): Snapshot {
		const lists = Object.fromEntries(
			Object.entries(this.#informers).map(([resource, informer]) => [resource, informer.list()]),
		) as Record<MeshResource, readonly KubeObject[]>;
		const snapshot = this.#builder.build({ ...lists, mesh: this.#meshConfig() });
		for (const { ref, problems } of snapshot.problems)
			this.#options.logger.debug({ ...ref, problems }, "an object has problems");
		return snapshot;
	}

	#meshConfig(): MeshConfig {
		const { meshConfig, logger } = this.#options;
		const configMap = this.#configMaps.get(MESH_CONFIG_MAP, meshConfig.rootNamespace);
		const deps = [configMap?.metadata.uid, JSON.stringify(configMap?.data)];
		const { config } = this.#meshConfigs.get("mesh", deps, () => {
			const reading = readMeshConfig(configMap, { base: meshConfig, before: this.#snapshot?.mesh ?? meshConfig });
			for (const p of reading.problems) logger.warn({ problem: p }, "the mesh configuration has a problem");
			return reading;
		});
		return config;
	}
}

/** Kinds whose generation counts every change that matters. */
const GENERATION_COUNTS: ReadonlySet<MeshResource> = new Set([
	"virtualServices",
	"destinationRules",
	"gateways",
	"serviceEntries",
]);

/** Pods and nodes report their state all the time; only some of it shapes configuration. */
function isIrrelevant(resource: MeshResource | undefined, change: Change<KubeObject>): boolean {
	if (change.type !== "updated") return false;
	if (resource === "pods") return podShape(change.object) === podShape(change.old);
	if (resource === "nodes" || resource === "namespaces")
		return JSON.stringify(change.object.metadata.labels) === JSON.stringify(change.old.metadata.labels);
	if (!resource || !GENERATION_COUNTS.has(resource)) return false;
	// Writing a status is no reason to translate anew.
	const { generation } = change.object.metadata;
	if (generation === undefined || generation !== change.old.metadata.generation) return false;
	const meta = ({ metadata: { labels, annotations } }: KubeObject) => JSON.stringify([labels, annotations]);
	return meta(change.object) === meta(change.old);
}

function podShape(pod: KubeObject): string {
	const { podIP, phase } = (pod.status ?? {}) as { podIP?: unknown; phase?: unknown };
	const { labels, annotations, deletionTimestamp } = pod.metadata;
	return JSON.stringify([podIP, phase, labels, annotations, deletionTimestamp, pod.spec]);
}
