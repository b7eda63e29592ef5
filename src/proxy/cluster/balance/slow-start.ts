import { type Problem, problem } from "../../../lib/problem.ts";
import type { Cluster_SlowStartConfig } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { durationMs } from "../compile/duration-ms.ts";

/** How an endpoint that has just come is spared at first (Envoy: slow start). */
export interface SlowStart {
	readonly windowMs: number;
	/** Above 1 the weight grows fast at first. */
	readonly aggression: number;
	/** The weight never falls below this part of the whole one, 0 to 1. */
	readonly minWeight: number;
}

const DEFAULT_MIN_PERCENT = 10;

/** Reads `slow_start_config`; undefined when there is none or its window is 0. */
export function compileSlowStart(
	message: Pick<Cluster_SlowStartConfig, "slowStartWindow" | "aggression" | "minWeightPercent"> | undefined,
	path: string,
	problems: Problem[],
): SlowStart | undefined {
	if (!message) return undefined;
	const aggression = message.aggression?.defaultValue ?? 1;
	if (aggression <= 0) problems.push(problem("LTN3226", `${path}.aggression`, "the aggression must be greater than 0"));
	const windowMs = durationMs(message.slowStartWindow, 0);
	const percent = message.minWeightPercent?.value ?? DEFAULT_MIN_PERCENT;
	return windowMs > 0 ? { windowMs, aggression, minWeight: percent / 100 } : undefined;
}

/** The part of its weight that an endpoint has `sinceMs` after it came. */
export function slowStartFactor({ windowMs, aggression, minWeight }: SlowStart, sinceMs: number): number {
	if (sinceMs >= windowMs) return 1;
	const elapsed = Math.max(1, sinceMs) / windowMs;
	return Math.max(minWeight, elapsed ** (1 / aggression));
}
