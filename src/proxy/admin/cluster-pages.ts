import { create, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import {
	type ClusterStatusSchema,
	ClustersSchema,
	type HostHealthStatusSchema,
	type HostStatusSchema,
} from "../../xds/generated/envoy/admin/v3/clusters_pb.ts";
import { SimpleMetric_Type } from "../../xds/generated/envoy/admin/v3/metrics_pb.ts";
import { RoutingPriority } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { HealthStatus } from "../../xds/generated/envoy/config/core/v3/health_check_pb.ts";
import type { AggregateCluster } from "../cluster/aggregate-cluster.ts";
import type { ThresholdsConfig } from "../cluster/circuit-breaker-set.ts";
import type { ClusterHost } from "../cluster/cluster-host.ts";
import type { LiveCluster } from "../cluster/live-cluster.ts";
import type { AdminContext } from "./admin-context.ts";
import { type AdminAnswer, type AdminPage, JSON_TYPE } from "./admin-page.ts";

export const CLUSTER_PAGES: readonly AdminPage[] = [
	{ path: "/clusters", help: "upstream cluster status", answer: clusters },
];

type AnyCluster = LiveCluster | AggregateCluster;

function clusters(context: AdminContext, query: URLSearchParams): AdminAnswer {
	const sorted = [...context.clusters()].sort((a, b) => (a.name < b.name ? -1 : 1));
	if (query.get("format") !== "json")
		return { body: sorted.map((cluster) => clusterText(cluster, isDynamic(context, cluster))).join("") };
	const message = create(ClustersSchema, {
		clusterStatuses: sorted.map((cluster) => clusterStatus(cluster, isDynamic(context, cluster))),
	});
	return {
		contentType: JSON_TYPE,
		body: toJsonString(ClustersSchema, message, { useProtoFieldName: true, prettySpaces: 1 }),
	};
}

function isDynamic(context: AdminContext, cluster: AnyCluster): boolean {
	return context.store.get("cluster", cluster.name)?.version !== undefined;
}

/** Hosts of its own: those of an aggregate cluster are listed with the clusters that it is made of. */
function hostsOf(cluster: AnyCluster): readonly ClusterHost[] {
	return cluster.config.discovery.kind === "aggregate" ? [] : cluster.hosts();
}

const COUNTERS = ["cx_connect_fail", "cx_total", "rq_error", "rq_success", "rq_timeout", "rq_total"] as const;
const GAUGES = ["cx_active", "rq_active", "rq_pending_active"] as const;

function hostNumbers(host: ClusterHost): Readonly<Record<(typeof COUNTERS)[number] | (typeof GAUGES)[number], number>> {
	const { stats } = host;
	return {
		cx_active: stats.cxActive,
		cx_connect_fail: stats.cxConnectFail,
		cx_total: stats.cxTotal,
		rq_active: host.activeRequests,
		rq_error: stats.rqError,
		rq_pending_active: stats.rqPendingActive,
		rq_success: stats.rqSuccess,
		rq_timeout: stats.rqTimeout,
		rq_total: stats.rqTotal,
	};
}

function clusterStatus(cluster: AnyCluster, addedViaApi: boolean): MessageInitShape<typeof ClusterStatusSchema> {
	const { discovery, breakers, outlier } = cluster.config;
	const rates = outlier && "outlierRates" in cluster ? cluster.outlierRates() : undefined;
	const threshold = (rate: number | undefined) => (rate !== undefined && rate >= 0 ? { value: rate } : undefined);
	const external = threshold(rates?.external?.threshold);
	const local = threshold(rates?.local?.threshold);
	return {
		name: cluster.name,
		addedViaApi,
		observabilityName: cluster.config.observabilityName,
		edsServiceName: discovery.kind === "eds" ? discovery.serviceName : "",
		circuitBreakers: {
			thresholds: [
				thresholds(breakers.default, RoutingPriority.DEFAULT),
				thresholds(breakers.high, RoutingPriority.HIGH),
			],
		},
		...(external ? { successRateEjectionThreshold: external } : {}),
		...(local ? { localOriginSuccessRateEjectionThreshold: local } : {}),
		hostStatuses: hostsOf(cluster).map(hostStatus),
	};
}

function thresholds(
	{ maxConnections, maxPendingRequests, maxRequests, maxRetries }: ThresholdsConfig,
	priority: RoutingPriority,
) {
	return { priority, maxConnections, maxPendingRequests, maxRequests, maxRetries };
}

function hostStatus(host: ClusterHost): MessageInitShape<typeof HostStatusSchema> {
	const numbers = hostNumbers(host);
	const metrics = (names: readonly (keyof typeof numbers)[], type: SimpleMetric_Type) =>
		names.map((name) => ({ name, type, value: BigInt(numbers[name]) }));
	return {
		address: {
			address:
				host.ip === ""
					? { case: "pipe", value: { path: host.address } }
					: {
							case: "socketAddress",
							value: { address: host.ip, portSpecifier: { case: "portValue", value: host.port } },
						},
		},
		stats: [...metrics(COUNTERS, SimpleMetric_Type.COUNTER), ...metrics(GAUGES, SimpleMetric_Type.GAUGE)],
		healthStatus: healthStatus(host),
		...(host.successRate >= 0 ? { successRate: { value: host.successRate } } : {}),
		...(host.localSuccessRate >= 0 ? { localOriginSuccessRate: { value: host.localSuccessRate } } : {}),
		weight: host.config.weight,
		hostname: host.config.hostname,
		priority: host.config.priority,
		locality: host.locality,
	};
}

function healthStatus(host: ClusterHost): MessageInitShape<typeof HostHealthStatusSchema> {
	const { check } = host;
	return {
		failedActiveHealthCheck: check?.failed ?? false,
		failedOutlierCheck: host.ejected,
		failedActiveDegradedCheck: check?.degraded ?? false,
		pendingDynamicRemoval: host.leaving,
		pendingActiveHc: check?.pending ?? false,
		excludedViaImmediateHcFail: check?.excluded ?? false,
		activeHcTimeout: check?.timedOut ?? false,
		edsHealthStatus: edsHealth(host),
	};
}

/** Envoy keeps flags, not the value that EDS gave. */
function edsHealth({ config: { health } }: ClusterHost): HealthStatus {
	if (health === "UNKNOWN") return HealthStatus.HEALTHY;
	return health === "TIMEOUT" ? HealthStatus.UNHEALTHY : HealthStatus[health];
}

type Line = readonly [key: string, value: string | number | boolean];

/** Envoy's line format: `cluster::address::key::value`. */
function clusterText(cluster: AnyCluster, addedViaApi: boolean): string {
	const { name } = cluster;
	const { breakers, observabilityName, discovery } = cluster.config;
	const about: Line[] = [
		["observability_name", observabilityName],
		...outlierLines(cluster),
		...thresholdLines("default", breakers.default),
		...thresholdLines("high", breakers.high),
		["added_via_api", addedViaApi],
	];
	if (discovery.kind === "eds") about.push(["eds_service_name", discovery.serviceName]);
	const lines = about.map(([key, value]) => `${name}::${key}::${value}\n`);
	for (const host of hostsOf(cluster))
		for (const [key, value] of hostLines(host)) lines.push(`${name}::${host.address}::${key}::${value}\n`);
	return lines.join("");
}

function outlierLines(cluster: AnyCluster): Line[] {
	if (!cluster.config.outlier || !("outlierRates" in cluster)) return [];
	const { external, local } = cluster.outlierRates();
	return [
		["outlier::success_rate_average", external?.mean ?? -1],
		["outlier::success_rate_ejection_threshold", external?.threshold ?? -1],
		["outlier::local_origin_success_rate_average", local?.mean ?? -1],
		["outlier::local_origin_success_rate_ejection_threshold", local?.threshold ?? -1],
	];
}

function thresholdLines(priority: "default" | "high", config: ThresholdsConfig): Line[] {
	return [
		[`${priority}_priority::max_connections`, config.maxConnections],
		[`${priority}_priority::max_pending_requests`, config.maxPendingRequests],
		[`${priority}_priority::max_requests`, config.maxRequests],
		[`${priority}_priority::max_retries`, config.maxRetries],
	];
}

function hostLines(host: ClusterHost): Line[] {
	return [
		...Object.entries(hostNumbers(host)),
		["hostname", host.config.hostname],
		["health_flags", healthFlags(host)],
		["weight", host.config.weight],
		["region", host.locality.region],
		["zone", host.locality.zone],
		["sub_zone", host.locality.subZone],
		["canary", host.canary],
		["priority", host.config.priority],
		["success_rate", host.successRate],
		["local_origin_success_rate", host.localSuccessRate],
	];
}

/** Envoy's flags in the order in which it prints them. */
function healthFlags(host: ClusterHost): string {
	const { health } = host.config;
	const { check } = host;
	const flags: readonly [set: boolean | undefined, name: string][] = [
		[check?.failed, "/failed_active_hc"],
		[host.ejected, "/failed_outlier_check"],
		[health === "UNHEALTHY" || health === "TIMEOUT", "/failed_eds_health"],
		[check?.degraded, "/degraded_active_hc"],
		[health === "DEGRADED", "/degraded_eds_health"],
		[host.leaving, "/pending_dynamic_removal"],
		[check?.pending, "/pending_active_hc"],
		[check?.excluded, "/excluded_via_immediate_hc_fail"],
		[check?.timedOut, "/active_hc_timeout"],
		[health === "DRAINING", "/eds_status_draining"],
		[host.degradedByAnswers, "/degraded_outlier_detection"],
	];
	const text = flags.map(([set, name]) => (set === true ? name : "")).join("");
	return text === "" ? "healthy" : text;
}
