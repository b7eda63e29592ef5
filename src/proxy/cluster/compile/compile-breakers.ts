import { type Problem, problem } from "../../../lib/problem.ts";
import type {
	CircuitBreakers,
	CircuitBreakers_Thresholds,
} from "../../../xds/generated/envoy/config/cluster/v3/circuit_breaker_pb.ts";
import { RoutingPriority } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	type BreakerConfig,
	DEFAULT_BREAKERS,
	DEFAULT_THRESHOLDS,
	type ThresholdsConfig,
} from "../circuit-breaker-set.ts";

/** What configurations write who want no limit. */
const NO_LIMIT = 0xffff_ffff;

/** Reads `circuit_breakers`. As in Envoy the first entry of a priority counts. */
export function compileBreakers(
	message: CircuitBreakers | undefined,
	path: string,
	problems: Problem[],
): BreakerConfig {
	if (!message) return DEFAULT_BREAKERS;
	const find = (priority: RoutingPriority) => {
		const found = message.thresholds.find((threshold) => threshold.priority === priority);
		return found ? compileThresholds(found) : DEFAULT_THRESHOLDS;
	};
	for (const [i, { maxConnectionPools }] of message.thresholds.entries())
		if (maxConnectionPools !== undefined && maxConnectionPools < NO_LIMIT)
			problems.push(
				problem("LTN3209", `${path}.thresholds[${i}].max_connection_pools`, "pools are not counted by this proxy"),
			);
	const hosts = message.perHostThresholds;
	for (const [
		i,
		{ maxPendingRequests, maxRequests, maxRetries, maxConnectionPools, retryBudget, trackRemaining },
	] of hosts.entries())
		if (
			[maxPendingRequests, maxRequests, maxRetries, maxConnectionPools, retryBudget].some(
				(value) => value !== undefined,
			) ||
			trackRemaining
		)
			problems.push(
				problem("LTN3208", `${path}.per_host_thresholds[${i}]`, "only max_connections can be set per endpoint"),
			);
	const perHost = hosts.find(({ priority }) => priority === RoutingPriority.DEFAULT);
	return {
		default: find(RoutingPriority.DEFAULT),
		high: find(RoutingPriority.HIGH),
		maxConnectionsPerHost: perHost?.maxConnections ?? DEFAULT_BREAKERS.maxConnectionsPerHost,
	};
}

function compileThresholds(threshold: CircuitBreakers_Thresholds): ThresholdsConfig {
	return {
		maxConnections: threshold.maxConnections ?? DEFAULT_THRESHOLDS.maxConnections,
		maxPendingRequests: threshold.maxPendingRequests ?? DEFAULT_THRESHOLDS.maxPendingRequests,
		maxRequests: threshold.maxRequests ?? DEFAULT_THRESHOLDS.maxRequests,
		maxRetries: threshold.maxRetries ?? DEFAULT_THRESHOLDS.maxRetries,
		retryBudget: threshold.retryBudget && {
			percent: threshold.retryBudget.budgetPercent?.value ?? 20,
			minConcurrency: threshold.retryBudget.minRetryConcurrency ?? 3,
		},
		trackRemaining: threshold.trackRemaining,
	};
}
