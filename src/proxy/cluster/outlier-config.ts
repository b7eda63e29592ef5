import type { OutlierDetection } from "../../xds/generated/envoy/config/cluster/v3/outlier_detection_pb.ts";
import { durationMs } from "./duration-ms.ts";

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
	/**
	 * Eject one host even when that is more than `maxEjectionPercent`. Unset means yes (Istio documents that one host may
	 * always be ejected; Envoy's own default is no).
	 */
	readonly alwaysEjectOne: boolean;
	readonly splitLocalOrigin: boolean;
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

/** Reads an OutlierDetection message. */
export function compileOutlier(message: OutlierDetection): OutlierConfig {
	const baseEjectionMs = durationMs(message.baseEjectionTime, 30_000);
	return {
		intervalMs: durationMs(message.interval, 10_000),
		baseEjectionMs,
		maxEjectionMs: durationMs(message.maxEjectionTime, Math.max(300_000, baseEjectionMs)),
		maxEjectionJitterMs: durationMs(message.maxEjectionTimeJitter, 0),
		maxEjectionPercent: Math.min(100, message.maxEjectionPercent ?? 10),
		alwaysEjectOne: message.alwaysEjectOneHost ?? true,
		splitLocalOrigin: message.splitExternalLocalOriginErrors,
		...compileConsecutive(message),
		...compileRates(message),
		enforcing: compileEnforcing(message),
	};
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
