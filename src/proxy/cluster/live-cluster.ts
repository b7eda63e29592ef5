import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { StatScope } from "../../telemetry/metric-registry.ts";
import { type HostBalancer, hostBalancer } from "../lb/host-balancer.ts";
import { CircuitBreakerSet } from "./circuit-breaker-set.ts";
import type { CircuitBreakers, ClusterInfo, ClusterStats, Host, PickContext, UpstreamCluster } from "./cluster.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import { ClusterHost } from "./cluster-host.ts";
import { clusterStats } from "./cluster-stat-set.ts";
import type { EndpointConfig, EndpointSet } from "./endpoint-config.ts";
import { hostAddress } from "./ip-address.ts";
import { OriginalDestinations } from "./original-destinations.ts";
import type { OutlierKind } from "./outlier-config.ts";
import { OutlierDetector } from "./outlier-detector.ts";
import { slowStartFactor } from "./slow-start.ts";

export interface LiveClusterDeps {
	readonly clock: Clock;
	readonly random: Random;
	/** The scope `cluster.<statName>.`; released by `close`. */
	readonly scope: StatScope;
	readonly onEjection?: (cluster: string, host: string, event: { ejected: boolean; kind?: OutlierKind }) => void;
}

const NO_ENDPOINTS: EndpointSet = { endpoints: [], overprovisioningFactor: 1.4 };

/** A cluster in service: hosts, balancer, breakers, outlier detection. Its endpoints change in place, its config never. */
export class LiveCluster implements UpstreamCluster {
	readonly config: ClusterConfig;
	readonly stats: ClusterStats;
	readonly breakers: CircuitBreakers;
	/** Endpoints were given at least once (EDS answered, DNS resolved, or static). */
	initialized = false;
	readonly #deps: LiveClusterDeps;
	readonly #detector: OutlierDetector<ClusterHost> | undefined;
	readonly #originals: OriginalDestinations | undefined;
	#hosts: readonly ClusterHost[] = [];
	#endpoints: EndpointSet = NO_ENDPOINTS;
	#balancer: HostBalancer<ClusterHost>;
	#allEjected = false;
	#closed = false;

	/** `previous`: the cluster of the same name that this one replaces; its hosts (and their connections, if they fit) carry over. */
	constructor(config: ClusterConfig, deps: LiveClusterDeps, previous?: LiveCluster) {
		this.config = config;
		this.#deps = deps;
		this.stats = clusterStats(deps.scope);
		this.breakers = new CircuitBreakerSet(config.thresholds, deps.scope);
		if (previous) this.#hosts = previous.#handOver(config.info);
		this.#balancer = this.#makeBalancer();
		this.#detector =
			config.outlier &&
			new OutlierDetector(config.outlier, {
				...deps,
				stats: deps.scope,
				hosts: () => this.#hosts,
				onChange: () => this.#rebalance(),
				onEvent: (host, event) => deps.onEjection?.(config.name, host.address, event),
			});
		if (!this.#detector) for (const { outlier } of this.#hosts) outlier.ejected = false;
		if (config.discovery.kind === "original") {
			this.#originals = new OriginalDestinations(deps.clock, config.discovery.cleanupMs, (set) => this.update(set));
			this.update(NO_ENDPOINTS);
		} else if (config.discovery.kind === "static") this.update(config.discovery.endpoints);
		else if (previous?.initialized) this.update(previous.#endpoints);
	}

	get name(): string {
		return this.config.name;
	}

	get info(): ClusterInfo {
		return this.config.info;
	}

	get endpoints(): EndpointSet {
		return this.#endpoints;
	}

	/** Replaces the whole set of endpoints; hosts whose address stays keep requests, connections and ejection. */
	update(next: EndpointSet): void {
		const known = new Map(this.#hosts.map((host) => [host.address, host]));
		const hosts = new Map<string, ClusterHost>();
		const nowMs = this.#deps.clock.nowMs();
		for (const endpoint of next.endpoints) {
			const address = hostAddress(endpoint.host, endpoint.port);
			// An address may come twice (two priorities): the first one, the most preferred, counts.
			if (hosts.has(address)) continue;
			const host = known.get(address) ?? this.#newHost(endpoint, nowMs);
			host.config = endpoint;
			hosts.set(address, host);
			known.delete(address);
		}
		for (const gone of known.values()) gone.removed = true;
		this.#hosts = [...hosts.values()];
		this.#endpoints = next;
		this.initialized = true;
		this.#deps.scope.counter("update_success").inc();
		this.#deps.scope.counter("membership_change").inc();
		this.#detector?.hostsChanged();
		this.#rebalance();
	}

	#newHost(endpoint: EndpointConfig, sinceMs: number): ClusterHost {
		const host = new ClusterHost(endpoint);
		const { slowStart } = this.config.balancing;
		if (!slowStart) return host;
		const { clock } = this.#deps;
		host.warmUp = () => {
			const factor = slowStartFactor(slowStart, clock.nowMs() - sinceMs);
			if (factor === 1) host.warmUp = undefined;
			return factor;
		};
		return host;
	}

	pick(ctx: PickContext): Host | undefined {
		if (this.#originals) {
			const address = this.#originals.use(ctx.destination ?? "");
			return this.#hosts.find((host) => host.address === address);
		}
		let host = this.#balancer.pick(ctx.hash, ctx.avoidPriorities);
		if (this.#balancer.pickedInPanic || this.#emptyInPanic) this.stats.lbHealthyPanic.inc();
		if (!ctx.avoid) return host;
		for (let attempt = 0; attempt < ctx.hostSelectionAttempts && host && ctx.avoid.has(host); attempt++)
			host = this.#balancer.pick(ctx.hash, ctx.avoidPriorities);
		return host;
	}

	/** Envoy counts a cluster without endpoints as one in panic, unless panic is off. */
	get #emptyInPanic(): boolean {
		return this.#hosts.length === 0 && this.config.balancing.panicThresholdPercent > 0;
	}

	/** True when no endpoint is usable and ejection is the reason for at least one of them. */
	allEjected(): boolean {
		return this.#allEjected;
	}

	hosts(): readonly ClusterHost[] {
		return this.#hosts;
	}

	reportStatus(host: Host, status: number): void {
		if (!this.#closed) this.#detector?.reportStatus(host as ClusterHost, status);
	}

	reportLocalFailure(host: Host, kind: "connect" | "timeout" | "reset"): void {
		if (!this.#closed) this.#detector?.reportLocalFailure(host as ClusterHost, kind);
	}

	/** The cluster has left the configuration: its hosts' pools close when idle, its stats go. */
	close(): void {
		if (this.#closed) return;
		for (const host of this.#hosts) host.removed = true;
		this.#retire();
	}

	#retire(): void {
		this.#closed = true;
		this.#detector?.close();
		this.#originals?.close();
		this.#deps.scope.release();
	}

	#handOver(to: ClusterInfo): readonly ClusterHost[] {
		const sameConnections = JSON.stringify(connectionKey(to)) === JSON.stringify(connectionKey(this.config.info));
		const hosts = sameConnections
			? this.#hosts
			: this.#hosts.map((host) => {
					host.removed = true;
					return new ClusterHost(host.config, host);
				});
		this.#retire();
		return hosts;
	}

	#rebalance(): void {
		this.#balancer = this.#makeBalancer();
		const healthy = this.#hosts.filter((host) => host.healthy).length;
		this.#allEjected = healthy === 0 && this.#hosts.some(({ ejected }) => ejected);
		this.stats.membershipTotal.set(this.#hosts.length);
		this.stats.membershipHealthy.set(healthy);
	}

	#makeBalancer(): HostBalancer<ClusterHost> {
		const placed = this.#hosts.map((host) => ({
			host,
			priority: host.config.priority,
			healthy: host.healthy,
			locality: Object.values(host.locality).join("/"),
			localityWeight: host.config.localityWeight,
		}));
		return hostBalancer(placed, {
			...this.config.balancing,
			overprovisioningFactor: this.#endpoints.overprovisioningFactor,
			random: this.#deps.random,
		});
	}
}

/** What a connection was made with: hosts keep their pools only while it stays the same. */
function connectionKey(info: ClusterInfo) {
	const { httpProtocol, sourceIp, maxRequestsPerConnection, idleTimeoutMs, maxConnectionDurationMs, keepAlive } = info;
	return [httpProtocol, sourceIp ?? "", maxRequestsPerConnection, idleTimeoutMs, maxConnectionDurationMs, keepAlive];
}
