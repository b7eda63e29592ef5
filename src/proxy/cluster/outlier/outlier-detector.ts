import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { Counter, Gauge } from "../../../telemetry/metrics.ts";
import type { OutlierConfig, OutlierKind } from "./outlier-config.ts";
import {
	failedByPercentage,
	failedBySuccessRate,
	type MeasuredHost,
	type RateTally,
	type SuccessRateBounds,
} from "./outlier-rates.ts";

/** What the detector knows of one host; lives on the host, so that it outlasts configuration changes. */
export class OutlierState {
	ejected = false;
	ejectedAtMs = 0;
	/** When it last came back; undefined: never. */
	returnedAtMs: number | undefined = undefined;
	/** Added to how long the present ejection lasts. */
	jitterMs = 0;
	/** Multiplies the base ejection time; shrinks by one per sweep, once an interval has passed in service. */
	backoff = 0;
	ejections = 0;
	readonly inARow = { consecutive_5xx: 0, consecutive_gateway_failure: 0, consecutive_local_origin_failure: 0 };
	/** Results since the last sweep: of answers, and of attempts to get one (only with split errors). */
	readonly external: RateTally = { total: 0, success: 0 };
	readonly local: RateTally = { total: 0, success: 0 };
	/** It said in an answer that it is degraded. */
	degraded = false;
	degradedAtMs = 0;
	/** Multiplies how long that lasts, as `backoff` does. */
	degradedTimes = 0;
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
	/** Every ejection, enforced or not, and its end: for the log. */
	onEvent?(host: H, event: OutlierEvent): void;
}

export type OutlierEvent =
	| {
			readonly action: "eject";
			readonly kind: OutlierKind;
			readonly enforced: boolean;
			/** What success rates were compared with; undefined for failures in a row. */
			readonly rates: SuccessRateBounds | undefined;
	  }
	| { readonly action: "uneject" };

/** What success rates were compared with at the last sweep. */
export type OutlierRates = { readonly [of in "external" | "local"]?: SuccessRateBounds | undefined };

type ConsecutiveKind = keyof OutlierState["inARow"];

/**
 * Passive health checking as Envoy describes it (architecture: outlier detection): failures in a row eject at once; a sweep
 * every interval brings hosts back whose time is over and looks at success rates.
 */
export class OutlierDetector<H extends OutlierHost> {
	readonly #config: OutlierConfig;
	readonly #deps: OutlierDeps<H>;
	readonly #active: Gauge;
	#rates: OutlierRates = {};
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

	get rates(): OutlierRates {
		return this.#rates;
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
		const { local, inARow } = host.outlier;
		if (kind !== "connect") {
			// There was a connection, which counts by itself.
			tally(local, true);
			inARow.consecutive_local_origin_failure = 0;
		}
		tally(local, false);
		this.#countInARow(host, "consecutive_local_origin_failure");
	}

	/** An answer said that the host is degraded: it is so for as long as an ejection would last. */
	reportDegraded({ outlier }: H): void {
		if (outlier.degraded) return;
		this.#count("ejections_detected_degradation");
		outlier.degraded = true;
		outlier.degradedAtMs = this.#deps.clock.nowMs();
		outlier.degradedTimes++;
		this.#deps.onChange();
	}

	/** An active health check passed: an ejected host comes back, unless that is switched off. */
	checkPassed(host: H): void {
		if (!this.#config.unejectOnCheck || !host.outlier.ejected) return;
		this.#unEject(host);
		this.#deps.onChange();
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
		if (++inARow[kind] !== this.#config.consecutive[kind] || ejected) return;
		if (kind === "consecutive_5xx") this.#count("ejections_consecutive_5xx");
		inARow[kind] = 0;
		this.#detected(host, kind);
	}

	#count(name: string): void {
		this.#deps.stats.counter(`outlier_detection.${name}`).inc();
	}

	#detected(host: H, kind: OutlierKind, rates?: SuccessRateBounds): void {
		this.#count(`ejections_detected_${kind}`);
		if (!this.#mayEject()) {
			this.#count("ejections_overflow");
			return;
		}
		// Envoy's older counters of these two kinds.
		if (kind === "consecutive_5xx" || kind === "success_rate") this.#count("ejections_total");
		const enforced = this.#deps.random.below(100) < this.#config.enforcing[kind];
		if (enforced) {
			this.#count("ejections_enforced_total");
			this.#count(`ejections_enforced_${kind}`);
			this.#eject(host);
		}
		this.#deps.onEvent?.(host, { action: "eject", kind, enforced, rates });
		if (enforced) this.#deps.onChange();
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
		outlier.jitterMs = this.#deps.random.below(Math.min(2 ** 32, maxEjectionJitterMs + 1));
		if (outlier.backoff * baseEjectionMs < maxEjectionMs + baseEjectionMs) outlier.backoff++;
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
		const { baseEjectionMs, maxEjectionMs, intervalMs } = this.#config;
		let returned = false;
		for (const host of this.#deps.hosts()) {
			if (this.#recovers(host.outlier, now)) returned = true;
			const { ejected, backoff, jitterMs, ejectedAtMs } = host.outlier;
			const lastsMs = Math.min(baseEjectionMs * backoff, maxEjectionMs) + jitterMs;
			if (!ejected || now - ejectedAtMs < lastsMs) continue;
			this.#unEject(host);
			returned = true;
		}
		if (returned) this.#deps.onChange();
		this.#sweepRates();
		for (const { outlier } of this.#deps.hosts())
			if (!outlier.ejected && outlier.returnedAtMs !== undefined && now - outlier.returnedAtMs >= intervalMs)
				outlier.backoff = Math.max(0, outlier.backoff - 1);
	}

	#recovers(state: OutlierState, now: number): boolean {
		const { baseEjectionMs, maxEjectionMs } = this.#config;
		const lastsMs = Math.min(baseEjectionMs * state.degradedTimes, maxEjectionMs);
		if (!state.degraded || now - state.degradedAtMs < lastsMs) return false;
		state.degraded = false;
		return true;
	}

	#unEject(host: H): void {
		const state = host.outlier;
		state.ejected = false;
		state.returnedAtMs = this.#deps.clock.nowMs();
		forgetFailures(state);
		this.#active.add(-1);
		this.#deps.onEvent?.(host, { action: "uneject" });
	}

	#sweepRates(): void {
		this.#judge("external");
		if (this.#config.splitLocalOrigin) this.#judge("local");
	}

	#judge(of: "external" | "local"): void {
		const { successRate, failurePercentage } = this.#config;
		const hosts = this.#deps.hosts();
		const field = of === "external" ? "successRate" : "localSuccessRate";
		const enough = hosts.length >= Math.min(successRate.minimumHosts, failurePercentage.minimumHosts);
		const volume = Math.min(successRate.requestVolume, failurePercentage.requestVolume);
		const measured: MeasuredHost<H>[] = [];
		for (const host of hosts) {
			const { [of]: tallied, ejected } = host.outlier;
			const { total, success } = tallied;
			tallied.total = 0;
			tallied.success = 0;
			host.outlier[field] = -1;
			if (!enough || ejected || total === 0) continue;
			const rate = (100 * success) / total;
			if (total >= volume) host.outlier[field] = rate;
			measured.push({ host, rate, total });
		}
		const bounds = this.#ejectByRates(measured, of === "local" ? "local_origin_" : "");
		this.#rates = { ...this.#rates, [of]: bounds };
	}

	#ejectByRates(measured: readonly MeasuredHost<H>[], origin: "" | "local_origin_"): SuccessRateBounds | undefined {
		const bySuccess = failedBySuccessRate(measured, this.#config.successRate);
		for (const { host } of bySuccess.failed) {
			this.#count("ejections_success_rate");
			this.#detected(host, `${origin}success_rate`, bySuccess.bounds);
		}
		for (const { host } of failedByPercentage(measured, this.#config.failurePercentage))
			if (!host.outlier.ejected) this.#detected(host, `${origin}failure_percentage`);
		return bySuccess.bounds;
	}
}

function forgetFailures({ inARow }: OutlierState): void {
	for (const kind of Object.keys(inARow) as ConsecutiveKind[]) inARow[kind] = 0;
}

function tally(of: RateTally, success: boolean): void {
	of.total++;
	if (success) of.success++;
}
