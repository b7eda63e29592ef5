import { type Problem, problem } from "../../../lib/problem.ts";
import type { OutlierDetection } from "../../../xds/generated/envoy/config/cluster/v3/outlier_detection_pb.ts";
import { durationMs } from "../compile/duration-ms.ts";

/** Why a host is ejected, as in Envoy's stat names. */
export type OutlierKind =
	| "consecutive_5xx"
	| "consecutive_gateway_failure"
	| "consecutive_local_origin_failure"
	| "success_rate"
	| "local_origin_success_rate"
	| "failure_percentage"
	| "local_origin_failure_percentage";

/** Outlier detection with Envoy's defaults filled in; percentages 0 to 100. */
export interface OutlierConfig {
	readonly intervalMs: number;
	readonly baseEjectionMs: number;
	readonly maxEjectionMs: number;
	readonly maxEjectionJitterMs: number;
	readonly maxEjectionPercent: number;
	/** Eject one host even when that is more than `maxEjectionPercent`. */
	readonly alwaysEjectOne: boolean;
	/** A passed active health check ends an ejection. */
	readonly unejectOnCheck: boolean;
	readonly splitLocalOrigin: boolean;
	/** Hosts that say in an answer that they are degraded are taken for it. */
	readonly detectDegraded: boolean;
	/** Failures in a row; 0 = never. */
	readonly consecutive: Readonly<
		Record<"consecutive_5xx" | "consecutive_gateway_failure" | "consecutive_local_origin_failure", number>
	>;
	/** Chance in percent that a detected outlier is really ejected. */
	readonly enforcing: Readonly<Record<OutlierKind, number>>;
	readonly successRate: { readonly minimumHosts: number; readonly requestVolume: number; readonly stdevFactor: number };
	readonly failurePercentage: {
		readonly minimumHosts: number;
		readonly requestVolume: number;
		readonly thresholdPercent: number;
	};
}

/** Reads an OutlierDetection message; `at` is its path. */
export function compileOutlier(message: OutlierDetection, at = "", problems: Problem[] = []): OutlierConfig {
	const baseEjectionMs = durationMs(message.baseEjectionTime, 30_000);
	checkValues(message, baseEjectionMs, at, problems);
	return {
		intervalMs: durationMs(message.interval, 10_000),
		baseEjectionMs,
		maxEjectionMs: durationMs(message.maxEjectionTime, Math.max(300_000, baseEjectionMs)),
		maxEjectionJitterMs: durationMs(message.maxEjectionTimeJitter, 0),
		maxEjectionPercent: Math.min(100, message.maxEjectionPercent ?? 10),
		alwaysEjectOne: message.alwaysEjectOneHost ?? false,
		unejectOnCheck: message.successfulActiveHealthCheckUnejectHost ?? true,
		splitLocalOrigin: message.splitExternalLocalOriginErrors,
		detectDegraded: message.detectDegradedHosts ?? false,
		...compileConsecutive(message),
		...compileRates(message),
		enforcing: compileEnforcing(message),
	};
}

const PERCENTAGES = [
	["max_ejection_percent", "maxEjectionPercent"],
	["enforcing_consecutive_5xx", "enforcingConsecutive5xx"],
	["enforcing_success_rate", "enforcingSuccessRate"],
	["enforcing_consecutive_gateway_failure", "enforcingConsecutiveGatewayFailure"],
	["enforcing_consecutive_local_origin_failure", "enforcingConsecutiveLocalOriginFailure"],
	["enforcing_local_origin_success_rate", "enforcingLocalOriginSuccessRate"],
	["failure_percentage_threshold", "failurePercentageThreshold"],
	["enforcing_failure_percentage", "enforcingFailurePercentage"],
	["enforcing_failure_percentage_local_origin", "enforcingFailurePercentageLocalOrigin"],
] as const;

const TIMES = [
	["interval", "interval"],
	["base_ejection_time", "baseEjectionTime"],
	["max_ejection_time", "maxEjectionTime"],
] as const;

/** Envoy's own rules for the message. */
function checkValues(message: OutlierDetection, baseMs: number, at: string, problems: Problem[]): void {
	for (const [name, field] of PERCENTAGES)
		if ((message[field] ?? 0) > 100)
			problems.push(problem("LTN3260", `${at}.${name}`, "the percentage must be at most 100"));
	for (const [name, field] of TIMES)
		if (message[field] && durationMs(message[field], 0) <= 0)
			problems.push(problem("LTN3261", `${at}.${name}`, "the time must be greater than 0"));
	if (message.maxEjectionTime && durationMs(message.maxEjectionTime, 0) < baseMs)
		problems.push(problem("LTN3262", `${at}.max_ejection_time`, "it must not be shorter than base_ejection_time"));
}

function compileConsecutive(message: OutlierDetection): Pick<OutlierConfig, "consecutive"> {
	return {
		consecutive: {
			consecutive_5xx: message.consecutive5xx ?? 5,
			consecutive_gateway_failure: message.consecutiveGatewayFailure ?? 5,
			consecutive_local_origin_failure: message.consecutiveLocalOriginFailure ?? 5,
		},
	};
}

function compileEnforcing(message: OutlierDetection): OutlierConfig["enforcing"] {
	return {
		consecutive_5xx: message.enforcingConsecutive5xx ?? 100,
		consecutive_gateway_failure: message.enforcingConsecutiveGatewayFailure ?? 0,
		consecutive_local_origin_failure: message.enforcingConsecutiveLocalOriginFailure ?? 100,
		success_rate: message.enforcingSuccessRate ?? 100,
		local_origin_success_rate: message.enforcingLocalOriginSuccessRate ?? 100,
		failure_percentage: message.enforcingFailurePercentage ?? 0,
		local_origin_failure_percentage: message.enforcingFailurePercentageLocalOrigin ?? 0,
	};
}

function compileRates(message: OutlierDetection): Pick<OutlierConfig, "successRate" | "failurePercentage"> {
	return {
		successRate: {
			minimumHosts: message.successRateMinimumHosts ?? 5,
			requestVolume: message.successRateRequestVolume ?? 100,
			stdevFactor: (message.successRateStdevFactor ?? 1900) / 1000,
		},
		failurePercentage: {
			minimumHosts: message.failurePercentageMinimumHosts ?? 5,
			requestVolume: message.failurePercentageRequestVolume ?? 50,
			thresholdPercent: message.failurePercentageThreshold ?? 85,
		},
	};
}
