import type { Clock } from "../../../lib/clock.ts";
import type { ResourceType } from "../../../xds/type-urls.ts";

interface Expected {
	readonly clusters: boolean;
	readonly listeners: boolean;
}

interface Probes {
	clustersWarm(): boolean;
	listenersOpen(): boolean;
}

/** How far the first configuration has come. */
export class Initialisation {
	readonly #clock: Clock;
	readonly #probes: Probes;
	readonly #accepted = new Set<ResourceType>();
	#expected: Expected = { clusters: false, listeners: false };
	#live = false;
	#ready = false;
	#onClusters: (() => void) | undefined;
	#cancelTimeout = () => {};
	#timedOut = false;

	constructor(clock: Clock, probes: Probes) {
		this.#clock = clock;
		this.#probes = probes;
	}

	/** A control plane is to give these. */
	expect(expected: Expected): void {
		this.#expected = expected;
	}

	/** Runs `task` once, when the first clusters were accepted or `withinMs` have passed (Envoy goes on without, too). */
	afterClusters(withinMs: number, task: () => void): void {
		this.#onClusters = task;
		this.#cancelTimeout = this.#clock.after(withinMs, () => {
			this.#timedOut = true;
			this.#runOnClusters();
		});
	}

	accepted(type: ResourceType): void {
		this.#accepted.add(type);
		if (type === "cluster") this.#runOnClusters();
	}

	/** LIVE once reached stays. */
	stage(): "PRE_INITIALIZING" | "INITIALIZING" | "LIVE" {
		if (this.#live) return "LIVE";
		const { clusters, listeners } = this.#expected;
		const has = (wanted: boolean, type: ResourceType) => !wanted || this.#timedOut || this.#accepted.has(type);
		if (!has(clusters, "cluster") || !this.#probes.clustersWarm()) return "PRE_INITIALIZING";
		if (!has(listeners, "listener") || !this.#probes.listenersOpen()) return "INITIALIZING";
		this.#live = true;
		return "LIVE";
	}

	/** What is missing before the proxy may get traffic; empty once nothing was, and from then on. */
	missing(): string {
		if (this.#ready) return "";
		if (this.#expected.clusters && !this.#accepted.has("cluster")) return "no clusters have been accepted yet";
		if (this.#expected.listeners && !this.#accepted.has("listener")) return "no listeners have been accepted yet";
		if (!this.#probes.clustersWarm()) return "clusters wait for their endpoints";
		if (!this.#probes.listenersOpen()) return "listeners wait for their routes";
		this.#ready = true;
		return "";
	}

	stop(): void {
		this.#cancelTimeout();
	}

	#runOnClusters(): void {
		this.#cancelTimeout();
		const task = this.#onClusters;
		this.#onClusters = undefined;
		task?.();
	}
}
