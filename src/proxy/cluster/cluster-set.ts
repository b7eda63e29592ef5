import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { DiscoverySource } from "../../xds/config-source.ts";
import type { LocalZones } from "../lb/zone-routing.ts";
import { AggregateCluster } from "./aggregate-cluster.ts";
import { localZonesOf } from "./balance/local-zones.ts";
import type { ClusterLookup, SourceAddress, UpstreamCluster } from "./cluster.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import type { ClusterHost } from "./cluster-host.ts";
import { type EndpointSet, NO_ENDPOINTS } from "./compile/endpoint-config.ts";
import { DnsDiscovery, type DnsResolver } from "./discovery/dns-discovery.ts";
import { EndpointAssignments } from "./discovery/endpoint-assignments.ts";
import { DnsCaches } from "./forward/dns-caches.ts";
import { type HostListener, LiveCluster, type LiveClusterDeps } from "./live-cluster.ts";
import type { OutlierEvent } from "./outlier/outlier-detector.ts";

export interface ClusterSetDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly metrics: Metrics;
	readonly resolver: DnsResolver;
	readonly logger: Logger;
	/** Where connections of clusters without `upstream_bind_config` come from; undefined: the system's choice. */
	source(): SourceAddress | undefined;
	/** The last warming cluster got its endpoints (or gave up waiting). */
	onWarm(): void;
	/** Starts the active health checks of a cluster that has some. */
	readonly startChecks?: StartChecks;
	/** Keeps the endpoints of a file in a cluster; the answer stops it. */
	readonly watchFile?: (
		file: DiscoverySource & { kind: "file" },
		serviceName: string,
		onEndpoints: (set: EndpointSet) => void,
	) => () => void;
	/** The cluster of this proxy and its like (`local_cluster_name`); undefined: none. */
	readonly localCluster?: string | undefined;
	/** Where this proxy is; undefined: its node does not say. */
	readonly locality?: ClusterHost["locality"] | undefined;
	/** Every ejection and its end, for a log file. */
	readonly onEjection?: (cluster: string, host: ClusterHost, event: OutlierEvent) => void;
}

/** `onFirstRound`: every host has been checked once. */
export type StartChecks = (cluster: LiveCluster, onFirstRound: () => void) => HostListener & { close(): void };

interface Entry {
	readonly cluster: LiveCluster;
	stop: () => void;
	/** Hosts have all been checked once, or there is nothing to check. */
	checked: boolean;
}

/**
 * The clusters in service. A cluster that waits for its endpoints or their first health checks is warming: it is not found yet, and
 * one that it replaces stays in service until then (Envoy: cluster warming).
 */
export class ClusterSet implements ClusterLookup {
	/** What clusters of dynamic forward proxies connect to. */
	readonly dnsCaches: DnsCaches;
	readonly #deps: ClusterSetDeps;
	readonly #active = new Map<string, Entry>();
	readonly #warming = new Map<string, Entry>();
	readonly #aggregates = new Map<string, AggregateCluster>();
	readonly #assignments: EndpointAssignments;

	constructor(deps: ClusterSetDeps) {
		this.#deps = deps;
		this.dnsCaches = new DnsCaches(deps);
		this.#assignments = new EndpointAssignments(deps.clock, (serviceName, endpoints) => {
			for (const { cluster } of this.#entries()) {
				const { discovery } = cluster.config;
				if (discovery.kind === "eds" && discovery.source.kind !== "file" && discovery.serviceName === serviceName)
					this.#given(cluster, endpoints);
			}
		});
	}

	get(name: string): UpstreamCluster | undefined {
		return this.#active.get(name)?.cluster ?? this.#aggregates.get(name);
	}

	/** A cluster that has hosts of its own. */
	live(name: string): LiveCluster | undefined {
		return this.#active.get(name)?.cluster;
	}

	/** All clusters in service that have hosts of their own, by name. */
	all(): LiveCluster[] {
		return [...this.#active.values()].map(({ cluster }) => cluster);
	}

	/** Clusters made of others. */
	aggregates(): AggregateCluster[] {
		return [...this.#aggregates.values()];
	}

	/** There is such a cluster, in service or warming. */
	knows(name: string): boolean {
		return this.#active.has(name) || this.#aggregates.has(name) || this.#warming.has(name);
	}

	warmingNames(): string[] {
		return [...this.#warming.keys()];
	}

	/** Service names whose endpoints EDS must give, and from where. */
	edsWants(): { readonly name: string; readonly source: DiscoverySource }[] {
		return this.#entries().flatMap(({ cluster }) => {
			const { discovery } = cluster.config;
			if (discovery.kind !== "eds" || discovery.source.kind === "file") return [];
			return [{ name: discovery.serviceName, source: discovery.source }];
		});
	}

	edsNames(): Set<string> {
		return new Set(this.edsWants().map(({ name }) => name));
	}

	/** Adds a cluster or replaces the one of that name. */
	put(given: ClusterConfig): void {
		const { random, metrics } = this.#deps;
		const source = given.info.source ?? this.#deps.source();
		const config = { ...given, info: { ...given.info, source } };
		const scope = metrics.scope(`cluster.${config.statName}.`);
		this.#dropWarming(config.name);
		if (config.discovery.kind === "aggregate") {
			const names = config.discovery.clusters;
			const members = () => names.flatMap((name) => this.#active.get(name)?.cluster ?? []);
			this.remove(config.name);
			this.#aggregates.set(config.name, new AggregateCluster(config, { random, scope, members }));
			return;
		}
		this.#dropAggregate(config.name);
		const previous = this.#active.get(config.name)?.cluster;
		const takesOver = previous !== undefined && sameEndpointSource(previous.config, config);
		const cluster = new LiveCluster(
			config,
			{
				...this.#deps,
				scope,
				onEjection: (host, event) => this.#tellEjection(config.name, host, event),
				...this.#zonesFor(config.name),
				...(config.discovery.kind === "forward" && {
					forwardCache: this.dnsCaches.named(config.discovery.cache),
				}),
			},
			takesOver ? previous : undefined,
		);
		this.#start(cluster);
	}

	remove(name: string): void {
		this.#dropWarming(name);
		this.#dropAggregate(name);
		const entry = this.#active.get(name);
		if (!entry) return;
		this.#active.delete(name);
		entry.stop();
		entry.cluster.close();
		this.#assignments.keep(this.edsNames());
	}

	/** Endpoints from EDS; undefined: the server says that there are none of that name. */
	setEndpoints(serviceName: string, endpoints: EndpointSet | undefined): void {
		this.#assignments.set(serviceName, endpoints ?? NO_ENDPOINTS);
	}

	close(): void {
		for (const name of this.warmingNames()) this.#dropWarming(name);
		for (const name of [...this.#active.keys()]) this.remove(name);
		for (const name of [...this.#aggregates.keys()]) this.#dropAggregate(name);
		this.#assignments.close();
		this.dnsCaches.close();
	}

	#entries(): Entry[] {
		return [...this.#active.values(), ...this.#warming.values()];
	}

	/** The local cluster itself knows no zones: it tells the others. */
	#zonesFor(name: string): Pick<LiveClusterDeps, "localZones" | "onRebalance"> {
		const { localCluster } = this.#deps;
		if (localCluster === undefined) return {};
		if (name === localCluster) return { onRebalance: () => this.#localChanged() };
		return { localZones: () => this.#localZones() };
	}

	#localZones(): LocalZones | undefined {
		const local = this.#active.get(this.#deps.localCluster!)?.cluster;
		return local && localZonesOf(local.hosts(), this.#deps.locality);
	}

	#localChanged(): void {
		for (const { cluster } of this.#entries()) if (cluster.name !== this.#deps.localCluster) cluster.zonesChanged();
	}

	#start(cluster: LiveCluster): void {
		const { config } = cluster;
		const { startChecks } = this.#deps;
		const checks = startChecks && config.healthChecks.length > 0;
		const entry: Entry = { cluster, stop: () => {}, checked: !checks };
		// What brings endpoints may do so at once: the entry must be known before.
		this.#warming.set(config.name, entry);
		const stopDiscovery = this.#discover(cluster);
		entry.stop = stopDiscovery;
		if (checks) {
			const running = startChecks(cluster, () => {
				entry.checked = true;
				this.#activateWhenReady(entry, true);
			});
			cluster.checks = running;
			entry.stop = () => {
				stopDiscovery();
				running.close();
			};
		}
		this.#activateWhenReady(entry, false);
	}

	/** Starts whatever brings endpoints; the answer stops it. */
	#discover(cluster: LiveCluster): () => void {
		const { discovery, name } = cluster.config;
		if (discovery.kind === "dns") {
			const dns = new DnsDiscovery(discovery.dns, discovery.endpoints, {
				...this.#deps,
				onRound: (ok) => cluster.countResolution(ok),
				onEndpoints: (endpoints) => this.#given(cluster, endpoints),
				onFailure: (host, error) =>
					this.#deps.logger.warn({ cluster: name, host, err: error }, "name could not be resolved"),
			});
			if (!discovery.dns.waitForWarm && !cluster.initialized) cluster.update(NO_ENDPOINTS);
			return () => dns.close();
		}
		if (discovery.kind !== "eds") return () => {};
		cluster.countSubscription();
		const stops: (() => void)[] = [];
		if (discovery.source.kind === "file") {
			const stop = this.#deps.watchFile?.(discovery.source, discovery.serviceName, (set) => this.#given(cluster, set));
			if (stop) stops.push(stop);
		} else {
			const known = this.#assignments.get(discovery.serviceName);
			if (known && !cluster.initialized) cluster.update(known);
		}
		if (!cluster.initialized && discovery.initialFetchTimeoutMs > 0)
			stops.push(this.#deps.clock.after(discovery.initialFetchTimeoutMs, () => this.#giveUp(cluster)));
		return () => {
			for (const stop of stops) stop();
		};
	}

	#giveUp(cluster: LiveCluster): void {
		if (cluster.initialized) return;
		this.#deps.logger.warn({ cluster: cluster.name }, "no endpoints came in time, the cluster starts without");
		cluster.countFetchTimeout();
		this.#given(cluster, NO_ENDPOINTS);
	}

	#given(cluster: LiveCluster, endpoints: EndpointSet): void {
		cluster.update(endpoints);
		const entry = this.#warming.get(cluster.name);
		if (entry?.cluster === cluster) this.#activateWhenReady(entry, true);
	}

	/** `tell`: somebody may be waiting for the last warming cluster. */
	#activateWhenReady(entry: Entry, tell: boolean): void {
		const { name } = entry.cluster;
		if (!entry.checked || !entry.cluster.initialized || this.#warming.get(name) !== entry) return;
		this.#warming.delete(name);
		const replaced = this.#active.get(name);
		this.#active.set(name, entry);
		if (name === this.#deps.localCluster) this.#localChanged();
		replaced?.stop();
		replaced?.cluster.close(); // nothing is left to close when its hosts were taken over
		this.#assignments.keep(this.edsNames());
		if (tell && this.#warming.size === 0) this.#deps.onWarm();
	}

	#dropWarming(name: string): void {
		const entry = this.#warming.get(name);
		if (!entry) return;
		this.#warming.delete(name);
		entry.stop();
		entry.cluster.close();
	}

	#dropAggregate(name: string): void {
		this.#aggregates.get(name)?.close();
		this.#aggregates.delete(name);
	}

	#tellEjection(cluster: string, host: ClusterHost, event: OutlierEvent): void {
		this.#deps.logger.info({ cluster, host: host.address, ...event }, "outlier detection changed a host");
		this.#deps.onEjection?.(cluster, host, event);
	}
}

function sameEndpointSource(a: ClusterConfig, b: ClusterConfig): boolean {
	if (a.discovery.kind === "static" && b.discovery.kind === "static") return true;
	return JSON.stringify(a.discovery) === JSON.stringify(b.discovery);
}
