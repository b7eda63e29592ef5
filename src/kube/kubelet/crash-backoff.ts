/** How long a container waits before it is started again: at once the first time, then 10 s doubling to 5 min. */
export interface CrashBackoff {
	readonly count: number;
	/** Epoch milliseconds of the last exit. */
	readonly lastExitMs: number;
}

export const FIRST_BACKOFF_MS = 10_000;
const MAX_BACKOFF_MS = 300_000;
/** A container that ran this long is forgiven its earlier crashes. */
const HEALTHY_RUN_MS = 600_000;

/** The back-off after an exit; `ranMs` is how long the container had been running. */
export function afterExit(before: CrashBackoff | undefined, nowMs: number, ranMs: number): CrashBackoff {
	const count = before === undefined || ranMs >= HEALTHY_RUN_MS ? 0 : before.count + 1;
	return { count, lastExitMs: nowMs };
}

/** Milliseconds that are still to wait; 0 means start now. */
export function remainingMs(backoff: CrashBackoff | undefined, nowMs: number): number {
	if (!backoff) return 0;
	return Math.max(0, backoff.lastExitMs + delayMs(backoff) - nowMs);
}

export function delayMs({ count }: CrashBackoff): number {
	return count === 0 ? 0 : Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (count - 1));
}

/** `10s`, `2m40s`, as Kubernetes' messages have it. */
export function formatDelay(ms: number): string {
	const seconds = Math.round(ms / 1000);
	return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
