import type { LimitStatus } from "./rate-limit-service.ts";

/** Seconds until the last of the limits that were hit is open again; undefined when the service names none. */
export function longestWait(statuses: readonly LimitStatus[]): number | undefined {
	const waits = statuses.filter(({ overLimit }) => overLimit).map(({ resetS }) => resetS);
	return waits.length > 0 ? Math.max(...waits) : undefined;
}

/** The status that has the least left; undefined without any. */
function tightest(statuses: readonly LimitStatus[]): LimitStatus | undefined {
	let least: LimitStatus | undefined;
	for (const status of statuses) if (!least || status.remaining < least.remaining) least = status;
	return least;
}

/** x-ratelimit headers as in version 3 of the IETF's draft: the tightest limit, then all of them as quota policy. */
export function rateLimitHeaders(statuses: readonly LimitStatus[]): (readonly [string, string])[] {
	const least = tightest(statuses);
	if (!least) return [];
	const policies = statuses.filter(({ windowS }) => windowS > 0).map(quotaPolicy);
	return [
		["x-ratelimit-limit", [String(least.requestsPerUnit), ...policies].join(", ")],
		["x-ratelimit-remaining", String(least.remaining)],
		["x-ratelimit-reset", String(least.resetS)],
	];
}

function quotaPolicy({ requestsPerUnit, windowS, name }: LimitStatus): string {
	return `${requestsPerUnit};w=${windowS}${name === "" ? "" : `;name="${name}"`}`;
}
