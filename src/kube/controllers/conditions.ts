import type { Condition } from "../client/pod.ts";

/**
 * The list with that condition set. `lastTransitionTime` moves only when the status changes; a condition that is the
 * same in status, reason and message stays untouched.
 */
export function withCondition(
	conditions: readonly Condition[] = [],
	next: Pick<Condition, "type" | "status" | "reason" | "message">,
	now: string,
): Condition[] {
	const old = conditions.find((condition) => condition.type === next.type);
	if (old && old.status === next.status && old.reason === next.reason && old.message === next.message)
		return [...conditions];
	const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : now;
	const others = conditions.filter((condition) => condition.type !== next.type);
	return [...others, { ...next, lastTransitionTime, lastUpdateTime: now }];
}

export function withoutCondition(conditions: readonly Condition[] = [], type: string): Condition[] {
	return conditions.filter((condition) => condition.type !== type);
}
