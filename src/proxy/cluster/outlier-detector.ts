import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Counter, Gauge } from "../../telemetry/metrics.ts";
import type { OutlierConfig, OutlierKind } from "./outlier-config.ts";
import { failedByPercentage, failedBySuccessRate, type RateTally } from "./outlier-rates.ts";

/** What the detector knows of one host; lives on the host, so that it outlasts configuration changes. */
export class OutlierState {
	ejected = false;
	ejectedAtMs = 0;
	/** How long the present ejection lasts. */
	ejectedForMs = 0;
	/** Multiplies the base ejection time; shrinks by one per sweep spent in service. */
	backoff = 0;
	ejections = 0;
	readonly inARow = { consecutive_5xx: 0, consecutive_gateway_failure: 0, consecutive_local_origin_failure: 0 };
	/** Results since the last sweep: of answers, and of attempts to get one (only with split errors). */
	readonly external: RateTally = { total: 0, success: 0 };
	readonly local: RateTally = { total: 0, success: 0 };
	/** Percent at the last sweep, -1 when there were too few requests (Envoy's `/clusters`). */
	successRate = -1;
	localSuccessRate = -1;
}

export interface OutlierHost {
	readonly outlier: OutlierState;
}

export interface OutlierDeps<H extends OutlierHost> {
	readonly clock: Clock;
	readonly random: Random;
	readonly stats: { counter(name: string): Counter; gauge(name: string): Gauge };
	/** The hosts of the cluster now. */
	hosts(): readonly H[];
	/** Called after hosts went out of or came back into service. */
	onChange(): void;
	/** Every ejection and its end, for the log. */
	onEvent?(host: H, event: { readonly ejected: boolean; readonly kind?: OutlierKind }): void;
}

type ConsecutiveKind = keyof OutlierState["inARow"];

/**
 * Passive health checking as Envoy describes it (architecture: outlier detection): failures in a row eject at once; a sweep
 * every interval brings hosts back whose time is over and looks at success rates.
 */
export class OutlierDetector<H extends OutlierHost> {
	readonly #config: OutlierConfig;
	readonly #deps: OutlierDeps<H>;
	readonly #active: Gauge;
	#cancelSweep: () => void;

	constructor(config: OutlierConfig, deps: OutlierDeps<H>) {
		this.#config = config;
		this.#deps = deps;
		this.#active = deps.stats.gauge("outlier_detection.ejections_active");
		this.#cancelSweep = this.#armSweep();
		// Hosts come over from a cluster with other thresholds: what they failed in a row there says nothing here.
		for (const { outlier } of deps.hosts()) forgetFailures(outlier);
		this.hostsChanged();
	}

	/** An answer came from the host. */
	reportStatus(host: H, status: number): void {
		const state = host.outlier;
		const failed = status >= 500;
		tally(state.external, !failed);
		if (this.#config.splitLocalOrigin) {
			tally(state.local, true);
			state.inARow.consecutive_local_origin_failure = 0;
		}
		if (!failed) {
			state.inARow.consecutive_5xx = 0;
			state.inARow.consecutive_gateway_failure = 0;
			return;
		}
		if (status >= 502 && status <= 504) this.#countInARow(host, "consecutive_gateway_failure");
		else state.inARow.consecutive_gateway_failure = 0;
		this.#countInARow(host, "consecutive_5xx");
	}

	/** No answer came. Without split errors Envoy counts it as the status that the client sees. */
	reportLocalFailure(host: H, kind: "connect" | "timeout" | "reset"): void {
		if (!this.#config.splitLocalOrigin) {
			this.reportStatus(host, kind === "timeout" ? 504 : 503);
			return;
		}
		tally(host.outlier.local, false);
		this.#countInARow(host, "consecutive_local_origin_failure");
	}

	/** To be called when hosts were added or removed. */
	hostsChanged(): void {
		this.#active.set(this.#deps.hosts().filter(({ outlier }) => outlier.ejected).length);
	}

	close(): void {
		this.#cancelSweep();
	}

	#countInARow(host: H, kind: ConsecutiveKind): void {
		const { inARow, ejected } = host.outlier;
		if (++inARow[kind] !== this.#config.consecutive[kind]) return;
		inARow[kind] = 0;
		if (!ejected) this.#detected(host, kind);
	}

	#detected(host: H, kind: OutlierKind): void {
		const { stats, random } = this.#deps;
		stats.counter(`outlier_detection.ejections_detected_${kind}`).inc();
		if (!this.#mayEject()) {
			stats.counter("outlier_detection.ejections_overflow").inc();
			return;
		}
		if (random.below(100) >= this.#config.enforcing[kind]) return;
		stats.counter(`outlier_detection.ejections_enforced_${kind}`).inc();
		stats.counter("outlier_detection.ejections_enforced_total").inc();
		this.#eject(host);
		this.#deps.onEvent?.(host, { ejected: true, kind });
		this.#deps.onChange();
	}

	#mayEject(): boolean {
		const active = this.#active.value;
		if (active === 0 && this.#config.alwaysEjectOne) return true;
		return (100 * (active + 1)) / this.#deps.hosts().length <= this.#config.maxEjectionPercent;
	}

	#eject({ outlier }: H): void {
		const { baseEjectionMs, maxEjectionMs, maxEjectionJitterMs } = this.#config;
		outlier.ejected = true;
		outlier.ejectedAtMs = this.#deps.clock.nowMs();
		outlier.ejections++;
		if (baseEjectionMs * outlier.backoff < maxEjectionMs) outlier.backoff++;
		outlier.ejectedForMs =
			Math.min(baseEjectionMs * outlier.backoff, maxEjectionMs) + this.#deps.random.unit() * maxEjectionJitterMs;
		this.#active.add(1);
	}

	#armSweep(): () => void {
		return this.#deps.clock.after(this.#config.intervalMs, () => {
			this.#cancelSweep = this.#armSweep();
			this.#sweep();
		});
	}

	#sweep(): void {
		const now = this.#deps.clock.nowMs();
		let returned = false;
		for (const host of this.#deps.hosts()) {
			const state = host.outlier;
			if (!state.ejected) {
				if (state.backoff > 0) state.backoff--;
			} else if (now - state.ejectedAtMs >= state.ejectedForMs) {
				this.#unEject(host);
				returned = true;
			}
		}
		if (returned) this.#deps.onChange();
		this.#sweepRates();
	}

	#unEject(host: H): void {
		const state = host.outlier;
		state.ejected = false;
		forgetFailures(state);
		this.#active.add(-1);
		this.#deps.onEvent?.(host, { ejected: false });
	}

	#sweepRates(): void {
		const hosts = this.#deps.hosts();
		const judge = (of: "external" | "local", rateKind: OutlierKind, percentageKind: OutlierKind) => {
			const measured = hosts
				.filter(({ outlier }) => !outlier.ejected)
				.map((host) => ({ host, tally: host.outlier[of] }));
			for (const host of failedBySuccessRate(measured, this.#config.successRate)) this.#detected(host, rateKind);
			for (const host of failedByPercentage(measured, this.#config.failurePercentage))
				if (!host.outlier.ejected) this.#detected(host, percentageKind);
		};
		judge("external", "success_rate", "failure_percentage");
		if (this.#config.splitLocalOrigin) judge("local", "local_origin_success_rate", "local_origin_failure_percentage");
		const { requestVolume } = this.#config.successRate;
		for (const { outlier } of hosts) {
			outlier.successRate = takeRate(outlier.external, requestVolume);
			outlier.localSuccessRate = takeRate(outlier.local, requestVolume);
		}
	}
}

function forgetFailures({ inARow }: OutlierState): void {
	for (const kind of Object.keys(inARow) as ConsecutiveKind[]) inARow[kind] = 0;
}

function tally(of: RateTally, success: boolean): void {
	of.total++;
	if (success) of.success++;
}

function takeRate(of: RateTally, volume: number): number {
	const rate = of.total >= volume && of.total > 0 ? (100 * of.success) / of.total : -1;
	of.total = 0;
	of.success = 0;
	return rate;
}
