import { problem } from "../../../../lib/problem.ts";
import type { ClientSideWeightedRoundRobin } from "../../../../xds/generated/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.ts";
import { compileSlowStart } from "../../balance/slow-start.ts";
import type { BalancingConfig } from "../../cluster-config.ts";
import { type CompiledPolicy, compileRoundRobin, type PolicyScope } from "../compile-policies.ts";
import { durationMs } from "../duration-ms.ts";
import { compilePlacement } from "./compile-zones.ts";

const BLACKOUT_MS = 10_000;
const EXPIRATION_MS = 180_000;
const UPDATE_MS = 1000;

/** client_side_weighted_round_robin: round robin by weights that endpoints report. */
export function compileWeighted(
	message: ClientSideWeightedRoundRobin,
	{ at, problems }: PolicyScope,
): CompiledPolicy & Partial<BalancingConfig> {
	const errorPenalty = message.errorUtilizationPenalty ?? 0;
	if (errorPenalty < 0)
		problems.push(problem("LTN3245", `${at}error_utilization_penalty`, "the penalty must not be negative"));
	if (message.enableOobLoadReport)
		problems.push(
			problem(
				"LTN3245",
				`${at}enable_oob_load_report`,
				"reports outside of answers are not implemented by this proxy",
				"let endpoints report in their answers",
			),
		);
	return {
		...compileRoundRobin(compileSlowStart(message.slowStartConfig, `${at}slow_start_config`, problems)),
		...compilePlacement(undefined),
		reportedWeights: {
			blackoutMs: durationMs(message.blackoutPeriod, BLACKOUT_MS),
			expirationMs: durationMs(message.weightExpirationPeriod, EXPIRATION_MS),
			updateMs: Math.max(1, durationMs(message.weightUpdatePeriod, UPDATE_MS)),
			errorPenalty,
			metricNames: message.metricNamesForComputingUtilization,
		},
	};
}
