import type { Counter, Gauge } from "../../../telemetry/metrics.ts";

/** Names of downstream clusters come from clients: further ones are not counted by name. */
const MAX_CLUSTERS = 1000;

/** Makes stats of the connection manager: `fault.delays_injected` and the like. */
export interface StatSource {
	counter(name: string): Counter;
	gauge(name: string): Gauge;
}

/** The fault filter's stats (Envoy: HTTP fault filter, statistics). */
export class FaultStats {
	readonly rateLimits: Counter;
	readonly overflow: Counter;
	readonly active: Gauge;
	readonly #source: StatSource;
	readonly #delays: Counter;
	readonly #aborts: Counter;
	readonly #clusters = new Set<string>();

	constructor(source: StatSource) {
		this.#source = source;
		this.#delays = source.counter("fault.delays_injected");
		this.#aborts = source.counter("fault.aborts_injected");
		this.rateLimits = source.counter("fault.response_rl_injected");
		this.overflow = source.counter("fault.faults_overflow");
		this.active = source.gauge("fault.active_faults");
	}

	/** `cluster`: x-envoy-downstream-service-cluster, undefined when it does not count. */
	delayed(cluster: string | undefined): void {
		this.#delays.inc();
		this.#perCluster(cluster, "delays_injected");
	}

	aborted(cluster: string | undefined): void {
		this.#aborts.inc();
		this.#perCluster(cluster, "aborts_injected");
	}

	#perCluster(cluster: string | undefined, name: string): void {
		if (!cluster) return;
		if (!this.#clusters.has(cluster)) {
			if (this.#clusters.size >= MAX_CLUSTERS) return;
			this.#clusters.add(cluster);
		}
		this.#source.counter(`fault.${cluster}.${name}`).inc();
	}
}
