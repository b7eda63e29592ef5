import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { ClusterLookup } from "./cluster.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import { DnsDiscovery, type DnsResolver } from "./dns-discovery.ts";
import type { EndpointSet } from "./endpoint-config.ts";
import { LiveCluster } from "./live-cluster.ts";

export interface ClusterSetDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly metrics: Metrics;
	readonly resolver: DnsResolver;
	readonly logger: Logger;
	/** Where connections of clusters without `upstream_bind_config` come from; undefined: the system's choice. */
	sourceIp(): string | undefined;
	/** The last warming cluster got its endpoints (or gave up waiting). */
	onWarm(): void;
}

interface Entry {
	readonly cluster: LiveCluster;
	readonly stop: () => void;
}

const NO_ENDPOINTS: EndpointSet = { endpoints: [], overprovisioningFactor: 1.4 };

/**
 * The clusters in service. A cluster that waits for its endpoints is warming: it is not found yet, and one that it replaces
 * stays in service until then (Envoy: cluster warming).
 */
export class ClusterSet implements ClusterLookup {
	readonly #deps: ClusterSetDeps;
	readonly #active = new Map<string, Entry>();
	readonly #warming = new Map<string, Entry>();
	/** Last endpoints per EDS service name: the server does not repeat them for a cluster that changed. */
	readonly #assignments = new Map<string, EndpointSet>();

	constructor(deps: ClusterSetDeps) {
		this.#deps = deps;
	}

	get(name: string): LiveCluster | undefined {
		return this.#active.get(name)?.cluster;
	}

	/** All clusters in service, by name. */
	all(): LiveCluster[] {
		return [...this.#active.values()].map(({ cluster }) => cluster);
	}

	warmingNames(): string[] {
		return [...this.#warming.keys()];
	}

	/** Service names whose endpoints EDS must give. */
	edsNames(): Set<string> {
		const names = new Set<string>();
		for (const { cluster } of [...this.#active.values(), ...this.#warming.values()])
			if (cluster.config.discovery.kind === "eds") names.add(cluster.config.discovery.serviceName);
		return names;
	}

	/** Adds a cluster or replaces the one of that name. */
	put(given: ClusterConfig): void {
		const { clock, random, metrics, logger } = this.#deps;
		const sourceIp = given.info.sourceIp ?? this.#deps.sourceIp();
		const config = { ...given, info: { ...given.info, sourceIp } };
		const previous = this.#active.get(config.name)?.cluster;
		const takesOver = previous !== undefined && sameEndpointSource(previous.config, config);
		this.#dropWarming(config.name);
		const cluster = new LiveCluster(
			config,
			{
				clock,
				random,
				scope: metrics.scope(`cluster.${config.statName}.`),
				onEjection: (name, host, event) =>
					logger.info({ cluster: name, host, ...event }, "outlier detection changed a host"),
			},
			takesOver ? previous : undefined,
		);
		const entry = { cluster, stop: this.#discover(cluster) };
		if (!cluster.initialized) this.#warming.set(config.name, entry);
		else this.#activate(entry);
	}

	remove(name: string): void {
		this.#dropWarming(name);
		const entry = this.#active.get(name);
		if (!entry) return;
		this.#active.delete(name);
		entry.stop();
		entry.cluster.close();
		this.#forgetUnused();
	}

	/** Endpoints from EDS; undefined: the server says that there are none of that name. */
	setEndpoints(serviceName: string, endpoints: EndpointSet | undefined): void {
		this.#assignments.set(serviceName, endpoints ?? NO_ENDPOINTS);
		for (const entry of [...this.#active.values(), ...this.#warming.values()]) {
			const { discovery } = entry.cluster.config;
			if (discovery.kind === "eds" && discovery.serviceName === serviceName)
				this.#given(entry.cluster, endpoints ?? NO_ENDPOINTS);
		}
	}

	close(): void {
		for (const name of this.warmingNames()) this.#dropWarming(name);
		for (const name of [...this.#active.keys()]) this.remove(name);
	}

	/** Starts whatever brings endpoints; the answer stops it. */
	#discover(cluster: LiveCluster): () => void {
		const { discovery, name } = cluster.config;
		if (discovery.kind === "static" || discovery.kind === "original") return () => {};
		if (discovery.kind === "dns") {
			const dns = new DnsDiscovery(discovery.dns, discovery.endpoints, {
				...this.#deps,
				onEndpoints: (endpoints) => this.#given(cluster, endpoints),
				onFailure: (host, error) =>
					this.#deps.logger.warn({ cluster: name, host, err: error }, "name could not be resolved"),
			});
			return () => dns.close();
		}
		const known = this.#assignments.get(discovery.serviceName);
		if (known && !cluster.initialized) cluster.update(known);
		if (cluster.initialized || discovery.initialFetchTimeoutMs === 0) return () => {};
		return this.#deps.clock.after(discovery.initialFetchTimeoutMs, () => {
			if (cluster.initialized) return;
			this.#deps.logger.warn({ cluster: name }, "no endpoints came in time, the cluster starts without");
			this.#given(cluster, NO_ENDPOINTS);
		});
	}

	#given(cluster: LiveCluster, endpoints: EndpointSet): void {
		cluster.update(endpoints);
		const entry = this.#warming.get(cluster.name);
		if (entry?.cluster !== cluster) return;
		this.#warming.delete(cluster.name);
		this.#activate(entry);
		if (this.#warming.size === 0) this.#deps.onWarm();
	}

	#activate(entry: Entry): void {
		const { name } = entry.cluster;
		const replaced = this.#active.get(name);
		this.#active.set(name, entry);
		replaced?.stop();
		replaced?.cluster.close(); // nothing is left to close when its hosts were taken over
		this.#forgetUnused();
	}

	#dropWarming(name: string): void {
		const entry = this.#warming.get(name);
		if (!entry) return;
		this.#warming.delete(name);
		entry.stop();
		entry.cluster.close();
	}

	#forgetUnused(): void {
		const used = this.edsNames();
		for (const name of this.#assignments.keys()) if (!used.has(name)) this.#assignments.delete(name);
	}
}

function sameEndpointSource(a: ClusterConfig, b: ClusterConfig): boolean {
	if (a.discovery.kind === "eds" && b.discovery.kind === "eds")
		return a.discovery.serviceName === b.discovery.serviceName;
	if (a.discovery.kind === "dns" && b.discovery.kind === "dns")
		return JSON.stringify(a.discovery) === JSON.stringify(b.discovery);
	return a.discovery.kind === b.discovery.kind;
}
