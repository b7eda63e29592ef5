import type { Clock } from "../../lib/clock.ts";
import type { Probe } from "../client/pod.ts";
import type { ProbeResult } from "./probe.ts";

/** A probe that is repeated. */
export interface Prober {
	stop(): void;
}

export interface ProberOptions {
	readonly probe: Probe;
	readonly clock: Clock;
	/**
	 * Whether to try fast until the first success (readiness and startup with no initial delay): a pod is in service the moment it
	 * can be, instead of up to a period later. Failures of fast tries do not count towards failureThreshold; those at the
	 * probe's own period do.
	 */
	readonly eager: boolean;
	run(): Promise<ProbeResult>;
	/** The verdict changed, by the thresholds; `message` is the last failure's. */
	onVerdict(ok: boolean, message: string): void;
	/** Every failure that counts. */
	onFailure(message: string): void;
}

const FIRST_RETRY_MS = 100;
const RETRY_GROWTH = 1.15;

export function startProber(options: ProberOptions): Prober {
	const { probe, clock } = options;
	const periodMs = (probe.periodSeconds ?? 10) * 1000;
	const delayMs = (probe.initialDelaySeconds ?? 0) * 1000;
	const isEager = options.eager && delayMs === 0;
	let retryMs = FIRST_RETRY_MS;
	let countedAtMs = clock.nowMs();
	let successes = 0;
	let failures = 0;
	let hasSucceeded = false;
	let verdict: boolean | undefined;
	let stopped = false;
	let cancel = () => {};

	const judge = (ok: boolean, message: string) => {
		if (verdict === ok) return;
		verdict = ok;
		options.onVerdict(ok, message);
	};
	const succeed = () => {
		hasSucceeded = true;
		failures = 0;
		if (++successes >= (probe.successThreshold ?? 1)) judge(true, "");
	};
	const fail = (message: string) => {
		successes = 0;
		const isFastTry = isEager && !hasSucceeded && clock.nowMs() - countedAtMs < periodMs;
		if (isFastTry) return;
		countedAtMs = clock.nowMs();
		options.onFailure(message);
		if (++failures < (probe.failureThreshold ?? 3)) return;
		failures = 0;
		judge(false, message);
	};
	const tick = async () => {
		const result = await options.run();
		if (stopped) return;
		if (result.ok) succeed();
		else fail(result.message);
		if (stopped) return;
		cancel = clock.after(nextDelay(), () => void tick());
	};
	const nextDelay = (): number => {
		if (!isEager || hasSucceeded) return periodMs;
		retryMs *= RETRY_GROWTH;
		return Math.min(periodMs, retryMs);
	};
	if (delayMs > 0) cancel = clock.after(delayMs, () => void tick());
	else void tick();
	return {
		stop() {
			stopped = true;
			cancel();
		},
	};
}
