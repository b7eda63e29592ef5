import type { Random } from "../../../lib/random.ts";
import type { StatScope } from "../../../telemetry/metric-registry.ts";
import { valueText } from "../../http/info/metadata-match.ts";
import type { TurnMemory } from "../../lb/balancer.ts";
import { type HostBalancer, hostBalancer } from "../../lb/hosts/host-balancer.ts";
import type { HostBalancerOptions } from "../../lb/hosts/host-balancer-options.ts";
import type { LevelHealth } from "../../lb/priority-load.ts";
import { SubsetBalancer, type SubsetHost, type SubsetStats } from "../../lb/subset-balancer.ts";
import type { LocalZones, ZoneContext } from "../../lb/zone-routing.ts";
import type { PickContext } from "../cluster.ts";
import type { BalancingConfig } from "../cluster-config.ts";
import type { ClusterHost } from "../cluster-host.ts";
import type { EndpointSet } from "../compile/endpoint-config.ts";
import { localityKey } from "./local-zones.ts";

interface BalancerDeps {
	readonly random: Random;
	readonly scope: StatScope;
	hosts(): readonly ClusterHost[];
	endpoints(): EndpointSet;
	activeRequests(): number;
	onPanic(): void;
	/** The local cluster's hosts; undefined: there is no local cluster. */
	localZones?(): LocalZones | undefined;
}

/** Chooses among a cluster's hosts; what it chooses by is made at the first pick after a change. */
export class ClusterBalancer {
	readonly #config: BalancingConfig;
	readonly #deps: BalancerDeps;
	readonly #turns = new Map<string, TurnMemory>();
	#whole: HostBalancer<ClusterHost> | undefined;
	#subsets: SubsetBalancer<ClusterHost> | undefined;
	#subsetKeys: ReadonlySet<string> = new Set();

	constructor(config: BalancingConfig, deps: BalancerDeps) {
		this.#config = config;
		this.#deps = deps;
	}

	/** Hosts came, went, or changed health or weight. */
	reset(): void {
		this.#whole = undefined;
		this.#subsets = undefined;
		if (!this.#config.subsets && this.#zones()) this.#whole = hostBalancer(this.#placed(), this.#options());
	}

	pick(ctx: PickContext): ClusterHost | undefined {
		let host = this.#pickOnce(ctx, 0);
		if (!ctx.avoid && !ctx.rejects) return host;
		for (let attempt = 1; attempt <= ctx.hostSelectionAttempts && host && isRejected(host, ctx); attempt++)
			host = this.#pickOnce(ctx, attempt);
		return host;
	}

	/** Whether a stateful session may still use this host. */
	mayOverride(host: ClusterHost): boolean {
		return this.#config.overrideHealth.has(overrideStatus(host));
	}

	#pickOnce(ctx: PickContext, attempt: number): ClusterHost | undefined {
		if (this.#config.subsets) {
			this.#subsets ??= this.#cutSubsets();
			const query = { hash: ctx.hash, attempt, avoid: ctx.avoidPriorities };
			return this.#subsets.pick(ctx.metadataMatch?.criteria, query);
		}
		this.#whole ??= hostBalancer(this.#placed(), this.#options());
		const only = ctx.onlyPriority;
		if (only) return this.#whole.pickOn({ level: only.priority, degraded: only.degraded }, ctx.hash, attempt);
		return this.#whole.pick(ctx.hash, attempt, ctx.avoidPriorities);
	}

	/** What can serve on each priority. */
	levels(): readonly LevelHealth[] {
		this.#whole ??= hostBalancer(this.#placed(), this.#options());
		return this.#whole.levels();
	}

	#placed(): SubsetHost<ClusterHost>[] {
		return this.#deps.hosts().map((host) => ({
			host,
			priority: host.config.priority,
			health: host.health,
			excluded: host.excluded,
			locality: localityKey(host.locality),
			localityWeight: host.config.localityWeight,
			metadata: host.config.metadata["envoy.lb"] ?? {},
		}));
	}

	#zones(): ZoneContext | undefined {
		const { zones: config } = this.#config;
		const local = config && this.#deps.localZones?.();
		return local && { config, local, count: (name) => this.#deps.scope.counter(name).inc() };
	}

	#options(): HostBalancerOptions {
		const { random, scope, activeRequests, onPanic } = this.#deps;
		const { overprovisioningPercent, weightedPriorityHealth } = this.#deps.endpoints();
		return {
			...this.#config,
			overprovisioningPercent,
			weightedPriorityHealth,
			zones: this.#zones(),
			random,
			turns: this.#turns,
			stats: (name, value) => scope.gauge(name).set(value),
			activeRequests,
			onPanic,
		};
	}

	#cutSubsets(): SubsetBalancer<ClusterHost> {
		const balancer = new SubsetBalancer(this.#placed(), {
			config: this.#config.subsets!,
			options: this.#options(),
			stats: subsetStats(this.#deps.scope),
			textOf: valueText,
			before: this.#subsetKeys,
		});
		this.#subsetKeys = balancer.keys();
		return balancer;
	}
}

function isRejected(host: ClusterHost, { avoid, rejects }: PickContext): boolean {
	return avoid?.has(host) === true || rejects?.(host) === true;
}

/** Health as `override_host_status` sees it: what EDS said, unless checks or ejection say worse. */
function overrideStatus(host: ClusterHost): string {
	const eds = host.config.health;
	if (host.health === "unhealthy") return eds === "DRAINING" || eds === "TIMEOUT" ? eds : "UNHEALTHY";
	if (host.health === "degraded") return "DEGRADED";
	return eds;
}

function subsetStats(scope: StatScope): SubsetStats {
	return {
		selected: () => scope.counter("lb_subsets_selected").inc(),
		fallback: () => scope.counter("lb_subsets_fallback").inc(),
		fallbackPanic: () => scope.counter("lb_subsets_fallback_panic").inc(),
		active(now, created, removed) {
			scope.gauge("lb_subsets_active").set(now);
			scope.counter("lb_subsets_created").inc(created);
			scope.counter("lb_subsets_removed").inc(removed);
		},
		singleHostDuplicates: (count) => scope.gauge("lb_subsets_single_host_per_subset_duplicate").set(count),
	};
}
