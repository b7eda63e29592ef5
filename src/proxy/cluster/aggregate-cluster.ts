import type { Random } from "../../lib/random.ts";
import type { StatScope } from "../../telemetry/metric-registry.ts";
import { type LevelHealth, type PriorityLoad, priorityLoad } from "../lb/priority-load.ts";
import { HighPriorityView } from "./balance/high-priority-view.ts";
import { CircuitBreakerSet } from "./circuit-breaker-set.ts";
import type { CircuitBreakers, ClusterInfo, ClusterStats, Host, PickContext, UpstreamCluster } from "./cluster.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import type { ClusterHost } from "./cluster-host.ts";
import { clusterStats } from "./cluster-stat-set.ts";
import type { LiveCluster } from "./live-cluster.ts";

interface AggregateDeps {
	readonly random: Random;
	readonly scope: StatScope;
	/** The clusters that are in service, in the configured order. */
	members(): readonly LiveCluster[];
}

interface Level {
	readonly member: LiveCluster;
	readonly priority: number;
	readonly health: LevelHealth;
}

/**
 * A cluster made of others (Envoy: aggregate cluster): the priorities of the first, then those of the second, and so on; each spills over
 * to the next as priorities do. Hosts, connections, stats and breakers are those of the cluster that was chosen; only retries are limited
 * here.
 */
export class AggregateCluster implements UpstreamCluster {
	readonly config: ClusterConfig;
	readonly stats: ClusterStats;
	readonly breakers: CircuitBreakers;
	readonly highPriority: UpstreamCluster;
	readonly #deps: AggregateDeps;

	constructor(config: ClusterConfig, deps: AggregateDeps) {
		this.config = config;
		this.#deps = deps;
		this.stats = clusterStats(deps.scope);
		this.breakers = new CircuitBreakerSet(config.breakers.default, "default", deps.scope);
		this.highPriority = new HighPriorityView(this, new CircuitBreakerSet(config.breakers.high, "high", deps.scope));
	}

	get name(): string {
		return this.config.name;
	}

	get info(): ClusterInfo {
		return this.config.info;
	}

	pick(ctx: PickContext): Host | undefined {
		const levels = this.#deps
			.members()
			.flatMap((member) => member.levels().map((health, priority): Level => ({ member, priority, health })));
		if (levels.length === 0) return undefined;
		const load = priorityLoad(
			levels.map(({ health }) => health),
			{ overprovisioningPercent: 140, panicThresholdPercent: this.config.balancing.panicThresholdPercent },
		);
		const { index, degraded } = drawLevel(load, this.#deps.random.below(100));
		const { member, priority } = levels[index]!;
		return member.pick({ ...ctx, onlyPriority: { priority, degraded } });
	}

	memberOf(host: Host): UpstreamCluster {
		return this.#deps.members().find((member) => member.hosts().includes(host as ClusterHost)) ?? this;
	}

	mayOverride(host: Host): boolean {
		return this.#ownerOf(host)?.mayOverride(host) ?? false;
	}

	dropsRequest(): "no" {
		return "no";
	}

	allEjected(): boolean {
		const members = this.#deps.members();
		return members.length > 0 && members.every((member) => member.allEjected());
	}

	hosts(): readonly ClusterHost[] {
		return this.#deps.members().flatMap((member) => [...member.hosts()]);
	}

	reportStatus(host: Host, status: number): void {
		this.#ownerOf(host)?.reportStatus(host, status);
	}

	reportLocalFailure(host: Host, kind: "connect" | "timeout" | "reset"): void {
		this.#ownerOf(host)?.reportLocalFailure(host, kind);
	}

	reportImmediateFailure(host: Host): void {
		this.#ownerOf(host)?.reportImmediateFailure(host);
	}

	close(): void {
		this.#deps.scope.release();
	}

	#ownerOf(host: Host): LiveCluster | undefined {
		return this.#deps.members().find((member) => member.hosts().includes(host as ClusterHost));
	}
}

function drawLevel({ healthy, degraded }: PriorityLoad, point: number): { index: number; degraded: boolean } {
	let left = point;
	for (const [i, share] of [...healthy, ...degraded].entries()) {
		if (left < share) return { index: i % healthy.length, degraded: i >= healthy.length };
		left -= share;
	}
	return { index: 0, degraded: false };
}
