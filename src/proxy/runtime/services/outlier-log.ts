import type { Clock } from "../../../lib/clock.ts";
import type { ClusterHost } from "../../cluster/cluster-host.ts";
import type { OutlierKind } from "../../cluster/outlier/outlier-config.ts";
import type { OutlierEvent } from "../../cluster/outlier/outlier-detector.ts";

const TYPES: Readonly<Record<OutlierKind, string>> = {
	consecutive_5xx: "CONSECUTIVE_5XX",
	consecutive_gateway_failure: "CONSECUTIVE_GATEWAY_FAILURE",
	consecutive_local_origin_failure: "CONSECUTIVE_LOCAL_ORIGIN_FAILURE",
	success_rate: "SUCCESS_RATE",
	local_origin_success_rate: "SUCCESS_RATE_LOCAL_ORIGIN",
	failure_percentage: "FAILURE_PERCENTAGE",
	local_origin_failure_percentage: "FAILURE_PERCENTAGE_LOCAL_ORIGIN",
};

/** One line of Envoy's outlier event log (OutlierDetectionEvent as JSON). */
export function outlierLogLine(cluster: string, host: ClusterHost, event: OutlierEvent, clock: Clock): string {
	const { ejections, ejectedAtMs, returnedAtMs } = host.outlier;
	const ejected = event.action === "eject";
	const sinceMs = ejected ? returnedAtMs : ejectedAtMs;
	const line = {
		type: TYPES[ejected ? event.kind : "consecutive_5xx"],
		timestamp: new Date(clock.epochMs()).toISOString(),
		...(sinceMs !== undefined && { secs_since_last_action: String(Math.floor((clock.nowMs() - sinceMs) / 1000)) }),
		cluster_name: cluster,
		upstream_url: host.address,
		action: ejected ? "EJECT" : "UNEJECT",
		num_ejections: ejections,
		enforced: ejected && event.enforced,
		...(ejected && reasonOf(host, event)),
	};
	return `${JSON.stringify(line)}\n`;
}

function reasonOf(host: ClusterHost, { kind, rates }: Extract<OutlierEvent, { action: "eject" }>): object {
	const local = kind.startsWith("local_origin");
	const host_success_rate = Math.trunc(local ? host.localSuccessRate : host.successRate);
	if (kind.endsWith("failure_percentage")) return { eject_failure_percentage_event: { host_success_rate } };
	if (!kind.endsWith("success_rate")) return { eject_consecutive_event: {} };
	return {
		eject_success_rate_event: {
			host_success_rate,
			cluster_average_success_rate: Math.trunc(rates?.mean ?? -1),
			cluster_success_rate_ejection_threshold: Math.trunc(rates?.threshold ?? -1),
		},
	};
}
