import type { MeshFixture } from "../../src/controlplane/model/testing/mesh-fixture.ts";
import type { KubeObject } from "../../src/kinds/object.ts";
import type { Change, Informer, KubeClient, ListOptions, ResourceRef } from "../../src/kube/client/kube-client.ts";

const KINDS: Readonly<Record<string, string>> = {
	services: "Service",
	endpointslices: "EndpointSlice",
	pods: "Pod",
	nodes: "Node",
	namespaces: "Namespace",
	configmaps: "ConfigMap",
	virtualservices: "VirtualService",
	destinationrules: "DestinationRule",
	gateways: "Gateway",
	serviceentries: "ServiceEntry",
};

/** A KubeClient whose informers show a fixture; every other call is refused. */
export class FixtureKubeClient {
	readonly #fixture: MeshFixture;
	readonly #informers = new Map<string, FixtureInformer>();

	constructor(fixture: MeshFixture) {
		this.#fixture = fixture;
	}

	/** Changes the fixture, then tells the informers what is different. */
	change(work: (fixture: MeshFixture) => void): void {
		work(this.#fixture);
		for (const informer of this.#informers.values()) informer.refresh();
	}

	get client(): KubeClient {
		const informer = (ref: ResourceRef, options?: ListOptions) => this.#informer(ref, options);
		const refuse = (name: string | symbol) => () => {
			throw new Error(`the fixture answers no ${String(name)}`);
		};
		return new Proxy({} as KubeClient, { get: (_, name) => (name === "informer" ? informer : refuse(name)) });
	}

	#informer(ref: ResourceRef, options?: ListOptions): FixtureInformer {
		const kind = KINDS[ref.plural];
		if (!kind) throw new Error(`the fixture knows no ${ref.plural}`);
		const key = JSON.stringify([kind, options]);
		const informer = this.#informers.get(key) ?? new FixtureInformer(this.#fixture, kind, options?.namespace);
		this.#informers.set(key, informer);
		return informer;
	}
}

class FixtureInformer implements Informer<KubeObject> {
	readonly synced = Promise.resolve();
	readonly #fixture: MeshFixture;
	readonly #kind: string;
	readonly #namespace: string | undefined;
	readonly #handlers = new Set<(change: Change<KubeObject>) => void>();
	#known = new Map<string, KubeObject>();

	constructor(fixture: MeshFixture, kind: string, namespace: string | undefined) {
		this.#fixture = fixture;
		this.#kind = kind;
		this.#namespace = namespace;
	}

	start(): void {
		this.refresh();
	}

	stop(): void {
		this.#handlers.clear();
	}

	get(name: string, namespace = ""): KubeObject | undefined {
		return this.#known.get(`${namespace}/${name}`);
	}

	list(): readonly KubeObject[] {
		return [...this.#known.values()];
	}

	onChange(handler: (change: Change<KubeObject>) => void): () => void {
		this.#handlers.add(handler);
		return () => this.#handlers.delete(handler);
	}

	refresh(): void {
		const objects = this.#fixture
			.list(this.#kind)
			.filter((o) => this.#namespace === undefined || o.metadata.namespace === this.#namespace);
		const now = new Map(objects.map((o) => [`${o.metadata.namespace}/${o.metadata.name}`, o]));
		const before = this.#known;
		this.#known = now;
		for (const [key, object] of now) {
			const old = before.get(key);
			if (!old) this.#tell({ type: "added", object });
			else if (old !== object) this.#tell({ type: "updated", object, old });
		}
		for (const [key, object] of before) if (!now.has(key)) this.#tell({ type: "deleted", object });
	}

	#tell(change: Change<KubeObject>): void {
		for (const handler of [...this.#handlers]) handler(change);
	}
}
