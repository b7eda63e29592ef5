import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { StatScope } from "../../telemetry/metric-registry.ts";
import type { LevelHealth } from "../lb/priority-load.ts";
import type { LocalZones } from "../lb/zone-routing.ts";
import { ClusterBalancer } from "./balance/cluster-balancer.ts";
import { HighPriorityView } from "./balance/high-priority-view.ts";
import { ReportedWeights, type ReportedWeightsConfig } from "./balance/reported-weights.ts";
import { slowStartFactor } from "./balance/slow-start.ts";
import { CircuitBreakerSet } from "./circuit-breaker-set.ts";
import type { CircuitBreakers, ClusterInfo, ClusterStats, Host, PickContext, UpstreamCluster } from "./cluster.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import { ClusterHost } from "./cluster-host.ts";
import { clusterStats } from "./cluster-stat-set.ts";
import { type EndpointConfig, type EndpointSet, NO_ENDPOINTS, PLAIN_ENDPOINT } from "./compile/endpoint-config.ts";
import { OriginalDestinations } from "./discovery/original-destinations.ts";
import type { DnsCache } from "./forward/dns-cache.ts";
import { type HostChange, HostSet } from "./host-set.ts";
import { OutlierDetector, type OutlierEvent, type OutlierRates } from "./outlier/outlier-detector.ts";

export interface LiveClusterDeps {
	readonly clock: Clock;
	readonly random: Random;
	/** The scope `cluster.<statName>.`; released by `close`. */
	readonly scope: StatScope;
	readonly onEjection?: (host: ClusterHost, event: OutlierEvent) => void;
	/** The local cluster's hosts; undefined: there is no local cluster. */
	localZones?(): LocalZones | undefined;
	/** Hosts came, went or changed health or weight. */
	onRebalance?(): void;
	/** Of clusters whose hosts requests name. */
	readonly forwardCache?: DnsCache | undefined;
}

/** Told of a cluster's hosts: who comes, who goes, who changed health. */
export interface HostListener {
	onHosts(change: Pick<HostChange, "added" | "removed">): void;
	/** An endpoint said in an answer to a request that it is to be taken out. */
	onPassiveFailure(host: ClusterHost): void;
}

/** A cluster in service: hosts, balancer, breakers, outlier detection. Its endpoints change in place, its config never. */
export class LiveCluster implements UpstreamCluster {
	readonly config: ClusterConfig;
	/** Endpoints were given at least once (EDS answered, DNS resolved, or static). */
	initialized = false;
	/** Active health checks of the hosts; undefined without. */
	checks: HostListener | undefined = undefined;
	readonly #deps: LiveClusterDeps;
	readonly #detector: OutlierDetector<ClusterHost> | undefined;
	readonly #originals: OriginalDestinations | undefined;
	readonly #forward: DnsCache | undefined;
	#stopForward = () => {};
	readonly #weights: ReportedWeights | undefined;
	readonly #hosts: HostSet;
	readonly #balancer: ClusterBalancer;
	#stats: ClusterStats | undefined;
	#breakers: CircuitBreakers | undefined;
	#highPriority: UpstreamCluster | undefined;
	#endpoints: EndpointSet = NO_ENDPOINTS;
	#allEjected = false;
	#closed = false;

	/** `previous`: the cluster of the same name that this one replaces; its hosts (and their connections, if they fit) carry over. */
	constructor(config: ClusterConfig, deps: LiveClusterDeps, previous?: LiveCluster) {
		this.config = config;
		this.#deps = deps;
		this.#forward = deps.forwardCache;
		this.#hosts = new HostSet(previous ? previous.#handOver(config) : [], {
			onNew: (host) => this.#prepare(host),
			keepsHealthy: config.healthChecks.length > 0 && !config.ignoreHealthOnRemoval,
		});
		this.#balancer = new ClusterBalancer(config.balancing, {
			...deps,
			hosts: () => this.#hosts.all(),
			endpoints: () => this.#endpoints,
			activeRequests: () => this.stats.upstreamRqActive.value,
			onPanic: () => this.stats.lbHealthyPanic.inc(),
		});
		const { reportedWeights } = config.balancing;
		this.#weights = reportedWeights && this.#weigh(reportedWeights);
		this.#detector = config.outlier && this.#watch(config.outlier);
		for (const host of this.#hosts.all()) this.#listen(host);
		if (!this.#detector) for (const host of this.#hosts.all()) if (host.ejected) host.outlier.ejected = false;
		this.#showRemaining();
		if (config.discovery.kind === "original") {
			this.#originals = new OriginalDestinations(deps.clock, config.discovery, (set) => this.update(set));
			this.update(NO_ENDPOINTS);
		} else if (this.#forward) {
			this.#stopForward = this.#forward.follow(() => this.update(this.#forwardHosts()));
			this.update(this.#forwardHosts());
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

	/** Made at first use: most clusters of a large mesh are never asked. */
	get stats(): ClusterStats {
		this.#stats ??= clusterStats(this.#deps.scope);
		return this.#stats;
	}

	/** Whether a connection was ever made for a request. */
	get hadTraffic(): boolean {
		return this.#stats !== undefined && this.#stats.upstreamCxTotal.value > 0;
	}

	get breakers(): CircuitBreakers {
		this.#breakers ??= new CircuitBreakerSet(this.config.breakers.default, "default", this.#deps.scope);
		return this.#breakers;
	}

	get highPriority(): UpstreamCluster {
		const { scope } = this.#deps;
		this.#highPriority ??= new HighPriorityView(this, new CircuitBreakerSet(this.config.breakers.high, "high", scope));
		return this.#highPriority;
	}

	/** Replaces the whole set of endpoints; hosts whose address stays keep requests, connections, ejection and checks. */
	update(next: EndpointSet): void {
		const change = this.#hosts.update(next);
		const policyChanged =
			next.overprovisioningPercent !== this.#endpoints.overprovisioningPercent ||
			next.weightedPriorityHealth !== this.#endpoints.weightedPriorityHealth;
		this.#endpoints = next;
		const first = !this.initialized;
		this.initialized = true;
		this.#countUpdate(change);
		if (change.same && !policyChanged && !first) return;
		this.#detector?.hostsChanged();
		this.checks?.onHosts(change);
		this.#retireHosts(change.removed);
		// The first endpoints keep their configured weights until the first update.
		if (!first) this.#weights?.apply();
		if (this.config.balancing.cutOnHostSetChange && change.added.length + change.removed.length > 0)
			for (const host of this.#hosts.all()) host.onRetired?.("cut");
		this.#rebalance();
	}

	/** Active health checks say something new of these hosts. */
	healthChanged(): void {
		this.#retireHosts(this.#hosts.dropUnhealthyLeavers());
		this.#rebalance();
	}

	/** The local cluster changed: zone-aware routing begins anew. */
	zonesChanged(): void {
		if (this.config.balancing.zones) this.#balancer.reset();
	}

	/** A check passed: an ejected host is back when the configuration says so. */
	checkPassed(host: ClusterHost): void {
		this.#detector?.checkPassed(host);
	}

	pick(ctx: PickContext): Host | undefined {
		const host = this.#chosen(ctx);
		if (!host) this.#deps.scope.counter("upstream_cx_none_healthy").inc();
		return host;
	}

	#chosen(ctx: PickContext): ClusterHost | undefined {
		if (this.#originals) return this.#original(this.#originals, ctx.destination);
		return this.#forward ? this.#named(this.#forward, ctx.destination) : this.#balancer.pick(ctx);
	}

	#named(cache: DnsCache, destination: string | undefined): ClusterHost | undefined {
		const known = destination ? cache.use(destination, this.info.forwardProxy!.defaultPort) : undefined;
		return known && this.#hosts.at(known.key);
	}

	/** The hosts of the DNS cache, each known by the name that was asked for. */
	#forwardHosts(): EndpointSet {
		const endpoints = this.#forward!.hosts().map(({ key, port, addresses: [host, ...others] }): EndpointConfig => {
			const more = others.map((other) => ({ host: other, port }));
			return { ...PLAIN_ENDPOINT, key, hostname: key, host: host!, port, more };
		});
		return { ...NO_ENDPOINTS, endpoints };
	}

	#original(originals: OriginalDestinations, destination: string | undefined): ClusterHost | undefined {
		if (destination === undefined) return undefined;
		const address = originals.use(destination);
		if (address === undefined) this.#deps.scope.counter("original_dst_host_invalid").inc();
		return address === undefined ? undefined : this.#hosts.at(address);
	}

	memberOf(): UpstreamCluster {
		return this;
	}

	mayOverride(host: Host): boolean {
		return this.#balancer.mayOverride(host as ClusterHost);
	}

	/** What can serve on each priority. */
	levels(): readonly LevelHealth[] {
		return this.#balancer.levels();
	}

	/** What the last sweep compared success rates with; empty when there was too little to compare. */
	outlierRates(): OutlierRates {
		return this.#detector?.rates ?? {};
	}

	/** A round of name resolution ended. */
	countResolution(ok: boolean): void {
		this.#deps.scope.counter("update_attempt").inc();
		if (!ok) this.#deps.scope.counter("update_failure").inc();
	}

	/** EDS was asked for its endpoints. */
	countSubscription(): void {
		for (const name of ["update_failure", "update_rejected", "init_fetch_timeout"]) this.#deps.scope.counter(name);
		this.#deps.scope.counter("update_attempt").inc();
	}

	countFetchTimeout(): void {
		this.#deps.scope.counter("init_fetch_timeout").inc();
	}

	dropsRequest(): "no" | "this" | "all" {
		const { dropChance } = this.#endpoints;
		if (dropChance === 0 || this.#deps.random.unit() >= dropChance) return "no";
		return dropChance < 1 ? "this" : "all";
	}

	/** True when no endpoint is usable and ejection is the reason for at least one of them. */
	allEjected(): boolean {
		return this.#allEjected;
	}

	hosts(): readonly ClusterHost[] {
		return this.#hosts.all();
	}

	reportStatus(host: Host, status: number): void {
		if (!this.#closed) this.#detector?.reportStatus(host as ClusterHost, status);
	}

	reportLocalFailure(host: Host, kind: "connect" | "timeout" | "reset"): void {
		if (!this.#closed) this.#detector?.reportLocalFailure(host as ClusterHost, kind);
	}

	reportImmediateFailure(host: Host): void {
		if (!this.#closed) this.checks?.onPassiveFailure(host as ClusterHost);
	}

	/** The cluster has left the configuration: its hosts' pools close when idle, its stats go. */
	close(): void {
		if (this.#closed) return;
		this.#retireHosts(this.#hosts.all());
		this.#retire();
	}

	/** Limits that are told of are so from the start. */
	#showRemaining(): void {
		const { default: usual, high } = this.config.breakers;
		if (usual.trackRemaining) this.#breakers = new CircuitBreakerSet(usual, "default", this.#deps.scope);
		if (high.trackRemaining) this.#highPriority = this.highPriority;
	}

	#countUpdate({ added, removed, same }: HostChange): void {
		const { scope } = this.#deps;
		const moved = added.length > 0 || removed.length > 0;
		if (this.config.discovery.kind === "static") {
			// Envoy fills a static cluster level by level.
			const levels = new Set(added.map(({ priority }) => priority)).size;
			if (moved) scope.counter("membership_change").inc(levels);
			return;
		}
		if (moved) scope.counter("membership_change").inc();
		if (this.config.discovery.kind === "original" || this.#forward) return;
		scope.counter("update_success").inc();
		if (same) scope.counter("update_no_rebuild").inc();
		if (this.config.discovery.kind === "eds") scope.counter("update_attempt").inc();
	}

	#weigh(config: ReportedWeightsConfig): ReportedWeights {
		const { clock } = this.#deps;
		const weights = new ReportedWeights(config, {
			clock,
			hosts: () => this.#hosts.all(),
			onChange: () => this.#balancer.reset(),
		});
		return weights;
	}

	#watch(config: NonNullable<ClusterConfig["outlier"]>): OutlierDetector<ClusterHost> {
		const { onEjection, scope } = this.#deps;
		return new OutlierDetector(config, {
			...this.#deps,
			stats: scope,
			hosts: () => this.#hosts.all(),
			onChange: () => this.#rebalance(),
			onEvent: (host, event) => {
				if (event.action === "eject" && event.enforced) this.outOfService(host);
				onEjection?.(host, event);
			},
		});
	}

	/** Answers of the host may say something of it. */
	#listen(host: ClusterHost): void {
		const [weights, detector] = [this.#weights, this.#detector];
		host.onLoadReport = weights && ((headers) => weights.take(host, headers));
		const detects = this.config.outlier?.detectDegraded === true;
		host.onDegraded = detector && detects ? () => detector.reportDegraded(host) : undefined;
		if (!detects && host.degradedByAnswers) host.outlier.degraded = false;
	}

	#prepare(host: ClusterHost): void {
		this.#listen(host);
		const { slowStart, ignoreUncheckedHosts } = this.config.balancing;
		if (this.config.healthChecks.length > 0 && host.config.check?.disabled !== true)
			host.check = { failed: true, timedOut: false, pending: ignoreUncheckedHosts, degraded: false, excluded: false };
		if (slowStart && !host.check) this.warmUp(host);
	}

	/** Slow start begins (anew) now. */
	warmUp(host: ClusterHost): void {
		const { slowStart } = this.config.balancing;
		if (!slowStart) return;
		const { clock } = this.#deps;
		const sinceMs = clock.nowMs();
		host.warmUp = () => {
			const factor = slowStartFactor(slowStart, clock.nowMs() - sinceMs);
			if (factor === 1) host.warmUp = undefined;
			return factor;
		};
	}

	/** A host went out of service: its connections are cut if the configuration says so. */
	outOfService(host: ClusterHost): void {
		if (this.config.cutOnHealthFailure) host.onRetired?.("cut");
	}

	#retireHosts(hosts: readonly ClusterHost[]): void {
		for (const host of hosts) {
			host.removed = true;
			host.onRetired?.("left");
		}
	}

	#retire(): void {
		this.#closed = true;
		this.#detector?.close();
		this.#weights?.close();
		this.#originals?.close();
		this.#stopForward();
		this.#deps.scope.release();
	}

	#handOver(to: ClusterConfig): readonly ClusterHost[] {
		const sameConnections = JSON.stringify(connectionKey(to.info)) === JSON.stringify(connectionKey(this.config.info));
		const checked = to.healthChecks.length > 0;
		const hosts = this.#hosts.all().map((host) => {
			if (!checked) host.check = undefined;
			if (!to.balancing.reportedWeights) host.reportedWeight = undefined;
			if (sameConnections) return host;
			host.removed = true;
			host.onRetired?.("left");
			return new ClusterHost(host.config, host);
		});
		this.#retire();
		return hosts;
	}

	#rebalance(): void {
		this.#balancer.reset();
		const hosts = this.#hosts.all();
		let [healthy, degraded, excluded] = [0, 0, 0];
		for (const host of hosts) {
			if (host.health === "healthy") healthy++;
			else if (host.health === "degraded") degraded++;
			if (host.excluded) excluded++;
		}
		this.#allEjected = healthy + degraded === 0 && hosts.some(({ ejected }) => ejected);
		const { scope } = this.#deps;
		scope.gauge("membership_total").set(hosts.length);
		scope.gauge("membership_healthy").set(healthy);
		scope.gauge("membership_degraded").set(degraded);
		scope.gauge("membership_excluded").set(excluded);
		this.#deps.onRebalance?.();
	}
}

/** What a connection was made with: hosts keep their pools only while it stays the same. */
function connectionKey(info: ClusterInfo) {
	const {
		httpProtocol,
		http1Trailers,
		http1HeaderCase,
		http2,
		source,
		firstFamily,
		http1FullUrl,
		http1Limits,
		http2Limits,
		maxRequestsPerConnection,
		idleTimeoutMs,
		maxConnectionDurationMs,
		keepAlive,
	} = info;
	return [
		httpProtocol,
		http1Trailers,
		http1HeaderCase,
		http2,
		source ?? "",
		firstFamily ?? 0,
		http1FullUrl,
		http1Limits,
		http2Limits,
		maxRequestsPerConnection,
		idleTimeoutMs,
		maxConnectionDurationMs,
		keepAlive,
	];
}
