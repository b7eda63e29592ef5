import type { CircuitBreakers, ClusterInfo, ClusterStats, Host, PickContext, UpstreamCluster } from "../cluster.ts";

/** A cluster as requests of high priority see it: all the same but for its circuit breakers. */
export class HighPriorityView implements UpstreamCluster {
	readonly breakers: CircuitBreakers;
	readonly #cluster: UpstreamCluster;

	constructor(cluster: UpstreamCluster, breakers: CircuitBreakers) {
		this.#cluster = cluster;
		this.breakers = breakers;
	}

	get name(): string {
		return this.#cluster.name;
	}

	get info(): ClusterInfo {
		return this.#cluster.info;
	}

	get stats(): ClusterStats {
		return this.#cluster.stats;
	}

	get highPriority(): UpstreamCluster {
		return this;
	}

	pick(ctx: PickContext): Host | undefined {
		return this.#cluster.pick(ctx);
	}

	memberOf(host: Host): UpstreamCluster {
		const member = this.#cluster.memberOf(host);
		return member === this.#cluster ? this : member.highPriority;
	}

	mayOverride(host: Host): boolean {
		return this.#cluster.mayOverride(host);
	}

	dropsRequest(): "no" | "this" | "all" {
		return this.#cluster.dropsRequest();
	}

	allEjected(): boolean {
		return this.#cluster.allEjected();
	}

	hosts(): readonly Host[] {
		return this.#cluster.hosts();
	}

	reportStatus(host: Host, status: number): void {
		this.#cluster.reportStatus(host, status);
	}

	reportLocalFailure(host: Host, kind: "connect" | "timeout" | "reset"): void {
		this.#cluster.reportLocalFailure(host, kind);
	}

	reportImmediateFailure(host: Host): void {
		this.#cluster.reportImmediateFailure(host);
	}
}
