import type { Clock } from "../../lib/clock.ts";
import type { CheckState, ClusterHost } from "../cluster/cluster-host.ts";
import type { HealthCheckConfig } from "../cluster/health/check-config.ts";
import type { CheckFailure, CheckResult } from "../cluster/health/check-session.ts";

/** Events of health checks as JSON lines (Envoy: HealthCheckEvent). */
export interface CheckLog {
	/** To be called after each result; `before` is the host's state before it. */
	result(host: ClusterHost, result: CheckResult, before: CheckState & { readonly first: boolean }): void;
}

type Event = readonly [name: string, content: object];

const TYPES = { http: "HTTP", tcp: "TCP", grpc: "GRPC" } as const;
const FAILURES: Readonly<Record<CheckFailure, string>> = {
	active: "ACTIVE",
	passive: "PASSIVE",
	network: "NETWORK",
	timeout: "NETWORK_TIMEOUT",
};

/** `write`: undefined when nothing is to be logged. */
export function checkLog(
	clusterName: string,
	{ log, probe }: HealthCheckConfig,
	clock: Clock,
	write: ((line: string) => void) | undefined,
): CheckLog {
	if (!write) return { result() {} };
	return {
		result(host, result, before) {
			const timestamp = new Date(clock.epochMs()).toISOString();
			for (const [name, content] of eventsOf(host, result, before, log))
				write(
					`${JSON.stringify({
						health_checker_type: TYPES[probe.kind],
						host: addressOf(host),
						cluster_name: clusterName,
						[name]: content,
						timestamp,
						...(Object.keys(host.metadata).length > 0 && { metadata: { filter_metadata: host.metadata } }),
						locality: { region: host.locality.region, zone: host.locality.zone, sub_zone: host.locality.subZone },
					})}\n`,
				);
		},
	};
}

function eventsOf(
	host: ClusterHost,
	result: CheckResult,
	before: CheckState & { readonly first: boolean },
	log: HealthCheckConfig["log"],
): Event[] {
	const after = host.check!;
	const events: Event[] = [];
	if (!result.ok) {
		const what = { failure_type: FAILURES[result.failure], http_status_code: result.status ?? 0 };
		if (!before.failed && after.failed) events.push(["eject_unhealthy_event", what]);
		if (before.first || log.everyFailure)
			events.push(["health_check_failure_event", { ...what, first_check: before.first }]);
		return events;
	}
	if (before.failed && !after.failed) events.push(["add_healthy_event", { first_check: before.first }]);
	else if (log.everySuccess) events.push(["successful_health_check_event", {}]);
	if (!before.degraded && after.degraded) events.push(["degraded_healthy_host", {}]);
	if (before.degraded && !after.degraded) events.push(["no_longer_degraded_host", {}]);
	return events;
}

function addressOf(host: ClusterHost): object {
	if (host.ip === "") return { pipe: { path: host.address, mode: 0 } };
	return {
		socket_address: {
			protocol: "TCP",
			address: host.ip,
			port_value: host.port,
			resolver_name: "",
			ipv4_compat: false,
			network_namespace_filepath: "",
		},
	};
}
