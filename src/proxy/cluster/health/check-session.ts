import type { CheckState } from "../cluster-host.ts";
import type { CheckIntervals, HealthCheckConfig } from "./check-config.ts";

/** Why a check failed: the endpoint's answer, the connection, no answer in time, or what an answer to a request said. */
export type CheckFailure = "active" | "network" | "timeout" | "passive";

export type CheckResult =
	| { readonly ok: true; readonly degraded: boolean }
	| {
			readonly ok: false;
			readonly failure: CheckFailure;
			/** Counts as one failure towards the threshold although the endpoint answered. */
			readonly retriable?: boolean;
			/** The endpoint says that it is to be taken out at once. */
			readonly exclude?: boolean;
			/** Status of an HTTP answer. */
			readonly status?: number;
	  };

/** "pending": the next results decide. */
export type CheckTransition = "changed" | "pending" | "unchanged";

/** The threshold logic of one host's active health checks (Envoy: ActiveHealthCheckSession); no timers, no connections. */
export class CheckSession {
	/** No check has ended yet. */
	first = true;
	readonly #state: CheckState;
	readonly #config: Pick<HealthCheckConfig, "healthyThreshold" | "unhealthyThreshold">;
	#successes = 0;
	#failures = 0;

	constructor(state: CheckState, config: Pick<HealthCheckConfig, "healthyThreshold" | "unhealthyThreshold">) {
		this.#state = state;
		this.#config = config;
	}

	/** Takes a result in; changes the host's state. */
	result(result: CheckResult): CheckTransition {
		const transition = result.ok ? this.#passed(result.degraded) : this.#failed(result);
		this.first = false;
		return transition;
	}

	#passed(degraded: boolean): CheckTransition {
		const state = this.#state;
		this.#failures = 0;
		let transition: CheckTransition = "unchanged";
		if (state.failed) {
			// The very first result counts at once, so that clusters start fast.
			if (this.first || ++this.#successes >= this.#config.healthyThreshold) {
				this.#successes = 0;
				state.failed = false;
				state.timedOut = false;
				state.excluded = false;
				transition = "changed";
			} else transition = "pending";
		}
		transition = this.#noLongerPending(transition);
		if (degraded === state.degraded) return transition;
		state.degraded = degraded;
		return transition === "unchanged" ? "changed" : transition;
	}

	#failed({ failure, retriable, exclude }: Extract<CheckResult, { ok: false }>): CheckTransition {
		const state = this.#state;
		this.#successes = 0;
		if (exclude) state.excluded = true;
		let transition: CheckTransition = "unchanged";
		if (!state.failed) {
			const byThreshold = failure === "network" || failure === "timeout" || retriable === true;
			if (!byThreshold || ++this.#failures >= this.#config.unhealthyThreshold) {
				this.#failures = 0;
				state.failed = true;
				transition = "changed";
			} else transition = "pending";
		}
		state.timedOut = failure === "timeout" && state.failed;
		return this.#noLongerPending(transition);
	}

	#noLongerPending(transition: CheckTransition): CheckTransition {
		if (!this.#state.pending) return transition;
		this.#state.pending = false;
		return "changed";
	}
}

/** Milliseconds until the next check of a host; `random` gives [0, 1). */
export function nextCheckMs(
	intervals: CheckIntervals,
	last: { readonly ok: boolean; readonly transition: CheckTransition; readonly hadTraffic: boolean },
	random: { unit(): number },
): number {
	return withJitter(baseInterval(intervals, last), intervals.jitterMs, intervals, random);
}

/** Milliseconds until the first check of a host. */
export function firstCheckMs(intervals: CheckIntervals, random: { unit(): number }): number {
	return intervals.initialJitterMs === 0 ? 0 : withJitter(0, intervals.initialJitterMs, intervals, random);
}

function baseInterval(
	intervals: CheckIntervals,
	{ ok, transition, hadTraffic }: { ok: boolean; transition: CheckTransition; hadTraffic: boolean },
): number {
	const pending = transition === "pending";
	if (!hadTraffic) return ok && !pending ? intervals.noTrafficHealthyMs : intervals.noTrafficMs;
	if (ok) return pending ? intervals.healthyEdgeMs : intervals.baseMs;
	return pending ? intervals.unhealthyEdgeMs : intervals.unhealthyMs;
}

function withJitter(
	baseMs: number,
	jitterMs: number,
	{ jitterPercent }: CheckIntervals,
	random: { unit(): number },
): number {
	const byPercent = Math.floor(random.unit() * Math.floor((jitterPercent * baseMs) / 100));
	return Math.max(1, baseMs + byPercent + Math.floor(random.unit() * jitterMs));
}
