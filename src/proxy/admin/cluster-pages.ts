import { create, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import {
	type ClusterStatusSchema,
	ClustersSchema,
	type HostStatusSchema,
} from "../../xds/generated/envoy/admin/v3/clusters_pb.ts";
import { SimpleMetric_Type } from "../../xds/generated/envoy/admin/v3/metrics_pb.ts";
import { HealthStatus } from "../../xds/generated/envoy/config/core/v3/health_check_pb.ts";
import type { ClusterHost } from "../cluster/cluster-host.ts";
import type { LiveCluster } from "../cluster/live-cluster.ts";
import type { AdminContext } from "./admin-context.ts";
import { type AdminAnswer, type AdminPage, JSON_TYPE } from "./admin-page.ts";

export const CLUSTER_PAGES: readonly AdminPage[] = [
	{ path: "/clusters", help: "upstream cluster status", answer: clusters },
];

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

function isDynamic(context: AdminContext, cluster: LiveCluster): boolean {
	return context.store.get("cluster", cluster.name)?.version !== undefined;
}

const COUNTERS = ["cx_connect_fail", "cx_total", "rq_error", "rq_success", "rq_timeout", "rq_total"] as const;
const GAUGES = ["cx_active", "rq_active"] as const;

function hostNumbers(host: ClusterHost): Readonly<Record<(typeof COUNTERS)[number] | (typeof GAUGES)[number], number>> {
	const { stats } = host;
	return {
		cx_active: stats.cxActive,
		cx_connect_fail: stats.cxConnectFail,
		cx_total: stats.cxTotal,
		rq_active: host.activeRequests,
		rq_error: stats.rqError,
		rq_success: stats.rqSuccess,
		rq_timeout: stats.rqTimeout,
		rq_total: stats.rqTotal,
	};
}

function clusterStatus(cluster: LiveCluster, addedViaApi: boolean): MessageInitShape<typeof ClusterStatusSchema> {
	const { discovery } = cluster.config;
	return {
		name: cluster.name,
		addedViaApi,
		observabilityName: cluster.config.statName,
		edsServiceName: discovery.kind === "eds" ? discovery.serviceName : "",
		hostStatuses: cluster.hosts().map(hostStatus),
	};
}

function hostStatus(host: ClusterHost): MessageInitShape<typeof HostStatusSchema> {
	const numbers = hostNumbers(host);
	const metrics = (names: readonly (keyof typeof numbers)[], type: SimpleMetric_Type) =>
		names.map((name) => ({ name, type, value: BigInt(numbers[name]) }));
	return {
		address: {
			address: {
				case: "socketAddress",
				value: { address: host.ip, portSpecifier: { case: "portValue", value: host.port } },
			},
		},
		stats: [...metrics(COUNTERS, SimpleMetric_Type.COUNTER), ...metrics(GAUGES, SimpleMetric_Type.GAUGE)],
		healthStatus: {
			failedOutlierCheck: host.ejected,
			edsHealthStatus: host.edsHealth === "UNKNOWN" ? HealthStatus.HEALTHY : HealthStatus[host.edsHealth],
		},
		...(host.outlier.successRate >= 0 ? { successRate: { value: host.outlier.successRate } } : {}),
		weight: host.config.weight,
		hostname: host.config.hostname,
		priority: host.config.priority,
		locality: host.locality,
	};
}

/** Envoy's line format: `cluster::address::key::value`. */
function clusterText(cluster: LiveCluster, addedViaApi: boolean): string {
	const { name } = cluster;
	const { thresholds, statName, discovery } = cluster.config;
	const about: [string, string | number | boolean][] = [
		["observability_name", statName],
		["default_priority::max_connections", thresholds.maxConnections],
		["default_priority::max_pending_requests", thresholds.maxPendingRequests],
		["default_priority::max_requests", thresholds.maxRequests],
		["default_priority::max_retries", thresholds.maxRetries],
		["added_via_api", addedViaApi],
	];
	if (discovery.kind === "eds") about.push(["eds_service_name", discovery.serviceName]);
	const lines = about.map(([key, value]) => `${name}::${key}::${value}\n`);
	for (const host of cluster.hosts()) {
		const values: [string, string | number | boolean][] = [
			...Object.entries(hostNumbers(host)),
			["hostname", host.config.hostname],
			["health_flags", healthFlags(host)],
			["weight", host.config.weight],
			["region", host.locality.region],
			["zone", host.locality.zone],
			["sub_zone", host.locality.subZone],
			["canary", false],
			["priority", host.config.priority],
			["success_rate", host.outlier.successRate],
			["local_origin_success_rate", host.outlier.localSuccessRate],
		];
		for (const [key, value] of values) lines.push(`${name}::${host.address}::${key}::${value}\n`);
	}
	return lines.join("");
}

function healthFlags(host: ClusterHost): string {
	const flags = [
		host.ejected ? "/failed_outlier_check" : "",
		host.edsHealth === "UNHEALTHY" || host.edsHealth === "TIMEOUT" ? "/failed_eds_health" : "",
		host.edsHealth === "DRAINING" ? "/eds_status_draining" : "",
	].join("");
	return flags === "" ? "healthy" : flags;
}
