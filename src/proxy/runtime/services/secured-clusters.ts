import type { ClusterConfig } from "../../cluster/cluster-config.ts";
import type { ClusterSet } from "../../cluster/cluster-set.ts";
import type { TlsDeps } from "../../tls/tls-deps.ts";
import { ClusterTransports, type ClusterTransportsConfig } from "../../tls/upstream/cluster-transports.ts";

/** A compiled cluster with what secures its connections. */
export interface SecuredCluster extends ClusterConfig {
	/** Undefined: nothing does. */
	readonly sockets?: ClusterTransportsConfig;
	/** Equal texts stand for equal sockets: connections outlive a change of the rest. */
	readonly socketsKey?: string;
}

interface Entry {
	readonly key: string;
	readonly transports: ClusterTransports;
}

export interface SecuredClustersDeps {
	readonly clusters: ClusterSet;
	readonly tls: TlsDeps;
	/** A cluster that waited has been put. */
	onPut(): void;
}

/** Puts clusters into service with their transports; one whose secrets are not there yet waits for them (Envoy: cluster warming). */
export class SecuredClusters {
	readonly #clusters: ClusterSet;
	readonly #tls: TlsDeps;
	readonly #onPut: () => void;
	readonly #entries = new Map<string, Entry>();
	/** The newest wish for clusters that wait for secrets. */
	readonly #waiting = new Map<string, SecuredCluster>();

	constructor({ clusters, tls, onPut }: SecuredClustersDeps) {
		this.#clusters = clusters;
		this.#tls = tls;
		this.#onPut = onPut;
	}

	/** No cluster waits for secrets or endpoints. */
	get warm(): boolean {
		return this.#waiting.size === 0 && this.#clusters.warmingNames().length === 0;
	}

	put(cluster: SecuredCluster): void {
		const { name, sockets, socketsKey: key = "" } = cluster;
		this.#waiting.delete(name);
		const before = this.#entries.get(name);
		if (!sockets) {
			this.#clusters.put(cluster);
			this.#drop(name);
		} else if (before?.key === key) this.#clusters.put(withTransports(cluster, before.transports));
		else this.#putWhenSettled(cluster, { key, transports: this.#open(sockets, cluster.statName) });
	}

	#open(sockets: ClusterTransportsConfig, statName: string): ClusterTransports {
		return new ClusterTransports(sockets, this.#tls, `cluster.${statName}.`);
	}

	#putWhenSettled(cluster: SecuredCluster, entry: Entry): void {
		const { name } = cluster;
		this.#waiting.set(name, cluster);
		let waited = false;
		entry.transports.whenSettled(() => {
			// Replaced or removed while it waited.
			if (this.#waiting.get(name) !== cluster) {
				entry.transports.close();
				return;
			}
			this.#waiting.delete(name);
			this.#drop(name);
			this.#entries.set(name, entry);
			this.#clusters.put(withTransports(cluster, entry.transports));
			if (waited) this.#onPut();
		});
		waited = true;
	}

	/** In service, or on its way into it. */
	knows(name: string): boolean {
		return this.#clusters.knows(name) || this.#waiting.has(name);
	}

	remove(name: string): void {
		this.#waiting.delete(name);
		this.#clusters.remove(name);
		this.#drop(name);
	}

	/** Ends all clusters, and the secrets of the data plane. */
	close(): void {
		this.#waiting.clear();
		for (const name of [...this.#entries.keys()]) this.#drop(name);
		this.#clusters.close();
		this.#tls.secrets.close();
		this.#tls.files.close();
	}

	#drop(name: string): void {
		this.#entries.get(name)?.transports.close();
		this.#entries.delete(name);
	}
}

function withTransports(config: SecuredCluster, transports: ClusterTransports): ClusterConfig {
	return { ...config, info: { ...config.info, transports } };
}
