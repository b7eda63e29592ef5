import type { Clock } from "../../../lib/clock.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { ClusterHost } from "../cluster-host.ts";
import { highestMetric, type LoadReport, parseLoadReport } from "./load-report.ts";

/** Weights out of what endpoints report of their load (Envoy: client_side_weighted_round_robin); times in milliseconds. */
export interface ReportedWeightsConfig {
	/** A host's reports count once they have come for so long. */
	readonly blackoutMs: number;
	/** A host that has not reported for so long has no weight of its own any more. */
	readonly expirationMs: number;
	readonly updateMs: number;
	/** How much errors add to the utilization. */
	readonly errorPenalty: number;
	/** Looked at before the application's own utilization. */
	readonly metricNames: readonly string[];
}

interface Reported {
	weight: number;
	/** Undefined: reports begin anew. */
	sinceMs: number | undefined;
	lastMs: number;
}

interface Deps {
	readonly clock: Clock;
	hosts(): readonly ClusterHost[];
	/** Some host weighs something else now. */
	onChange(): void;
}

const MAX_WEIGHT = 0xffff_ffff;

/** Weighs the hosts of one cluster by their reports: requests per second divided by utilization; those without one get the median. */
export class ReportedWeights {
	readonly #config: ReportedWeightsConfig;
	readonly #deps: Deps;
	readonly #reported = new WeakMap<ClusterHost, Reported>();
	#cancel: () => void;

	constructor(config: ReportedWeightsConfig, deps: Deps) {
		this.#config = config;
		this.#deps = deps;
		this.#cancel = this.#arm();
	}

	/** `headers`: of a response, or its trailers. */
	take(host: ClusterHost, headers: HeaderMap): void {
		const report = parseLoadReport(headers);
		const weight = report && this.#weightOf(report);
		if (weight === undefined) return;
		const now = this.#deps.clock.nowMs();
		const known = this.#reported.get(host);
		if (!known) this.#reported.set(host, { weight, sinceMs: now, lastMs: now });
		else {
			known.weight = weight;
			known.sinceMs ??= now;
			known.lastMs = now;
		}
	}

	/** Gives every host the weight that counts now; true when one changed. */
	apply(): boolean {
		const hosts = this.#deps.hosts();
		const own = hosts.map((host) => this.#validWeight(host));
		const median = medianOf(own.filter((weight) => weight !== undefined));
		let changed = false;
		for (const [i, host] of hosts.entries()) {
			const weight = own[i] ?? median;
			changed ||= weight !== host.weight;
			host.reportedWeight = weight;
		}
		return changed;
	}

	close(): void {
		this.#cancel();
	}

	#arm(): () => void {
		return this.#deps.clock.after(this.#config.updateMs, () => {
			this.#cancel = this.#arm();
			if (this.apply()) this.#deps.onChange();
		});
	}

	#validWeight(host: ClusterHost): number | undefined {
		const reported = this.#reported.get(host);
		if (reported?.sinceMs === undefined) return undefined;
		const now = this.#deps.clock.nowMs();
		const { blackoutMs, expirationMs } = this.#config;
		if (now - reported.sinceMs < blackoutMs) return undefined;
		if (now - reported.lastMs > expirationMs) {
			reported.sinceMs = undefined;
			return undefined;
		}
		return reported.weight;
	}

	#weightOf(report: LoadReport): number | undefined {
		const { rpsFractional: rps, eps, applicationUtilization, cpuUtilization } = report;
		if (rps <= 0) return undefined;
		const { metricNames, errorPenalty } = this.#config;
		const load = highestMetric(report, metricNames) || Math.max(0, applicationUtilization) || cpuUtilization;
		const utilization = load + (errorPenalty * eps) / rps;
		return utilization > 0 ? Math.min(MAX_WEIGHT, Math.floor(rps / utilization)) : undefined;
	}
}

/** 1 when there is none; Envoy's rounding. */
function medianOf(weights: readonly number[]): number {
	if (weights.length === 0) return 1;
	const sorted = weights.toSorted((a, b) => a - b);
	const middle = sorted.length >> 1;
	return sorted.length % 2 === 1 ? sorted[middle]! : Math.floor((sorted[middle - 1]! + sorted[middle]!) / 2);
}
