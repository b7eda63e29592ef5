import { type Problem, ProblemError, problem } from "../../lib/problem.ts";
import { unpackAs } from "../../xds/any.ts";
import type { CircuitBreakers } from "../../xds/generated/envoy/config/cluster/v3/circuit_breaker_pb.ts";
import {
	type Cluster,
	Cluster_DiscoveryType,
	Cluster_LbPolicy,
} from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { BindConfig, TcpKeepalive } from "../../xds/generated/envoy/config/core/v3/address_pb.ts";
import { RoutingPriority } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { RawBufferSchema } from "../../xds/generated/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts";
import { DEFAULT_THRESHOLDS, type ThresholdsConfig } from "./circuit-breaker-set.ts";
import type { ClusterInfo, KeepAlive } from "./cluster.ts";
import type { ClusterConfig, Discovery } from "./cluster-config.ts";
import { compileBalancing } from "./compile-balancing.ts";
import { compileDns } from "./compile-dns.ts";
import { compileHttpProtocol } from "./compile-http-protocol.ts";
import { durationMs } from "./duration-ms.ts";
import { parseLoadAssignment, plainMetadata } from "./endpoint-config.ts";
import { isIpAddress } from "./ip-address.ts";
import { compileOutlier } from "./outlier-config.ts";

const EDS_INITIAL_FETCH_MS = 15_000;
const DEFAULT_BUFFER_BYTES = 1024 * 1024;
const CLEANUP_MS = 5000;
const DEFAULT_KEEPALIVE_S = 7200;
const ANY_IP = new Set(["0.0.0.0", "::"]);

/** Reads a Cluster message; throws ProblemError (LTN32xx) with every problem and its path below `path`. */
export function compileCluster(message: Cluster, path = ""): ClusterConfig {
	const at = path === "" ? "" : `${path}.`;
	const problems: Problem[] = [];
	if (message.name === "") problems.push(problem("LTN3201", `${at}name`, "the cluster has no name"));
	const discovery = compileDiscovery(message, at, problems);
	const balancing = compileBalancing(message, at, problems);
	const info = compileInfo(message, at, problems);
	const thresholds = compileThresholds(message.circuitBreakers, `${at}circuit_breakers`, problems);
	if (message.transportSocket && !unpackAs(anyOf(message.transportSocket), RawBufferSchema))
		problems.push(
			problem(
				"LTN3202",
				`${at}transport_socket`,
				`the transport socket "${message.transportSocket.name}" is not implemented by this proxy`,
				"use envoy.transport_sockets.raw_buffer",
			),
		);
	if (problems.length > 0 || !discovery) throw new ProblemError(problems);
	return {
		name: message.name,
		// Istio ends the name with `;` for the expressions that take Envoy's stats names apart; nothing here needs it.
		statName: (message.altStatName || message.name).replace(/;$/, "").replaceAll(":", "_"),
		discovery,
		info,
		balancing,
		thresholds,
		outlier: message.outlierDetection && compileOutlier(message.outlierDetection),
	};
}

function anyOf(socket: NonNullable<Cluster["transportSocket"]>) {
	return socket.configType.case === "typedConfig" ? socket.configType.value : undefined;
}

function compileDiscovery(message: Cluster, at: string, problems: Problem[]): Discovery | undefined {
	const { clusterDiscoveryType: chosen } = message;
	if (chosen.case === "clusterType") {
		const what = `the cluster type "${chosen.value.name}" is not implemented by this proxy`;
		problems.push(problem("LTN3203", `${at}cluster_type`, what, "use STATIC, EDS, STRICT_DNS or LOGICAL_DNS"));
		return undefined;
	}
	switch (chosen.value ?? Cluster_DiscoveryType.STATIC) {
		case Cluster_DiscoveryType.STATIC:
			return { kind: "static", endpoints: compileEndpoints(message, at, problems, false) };
		case Cluster_DiscoveryType.EDS:
			return compileEds(message, at, problems);
		case Cluster_DiscoveryType.STRICT_DNS:
		case Cluster_DiscoveryType.LOGICAL_DNS: {
			const endpoints = compileEndpoints(message, at, problems, true);
			return { kind: "dns", endpoints, dns: compileDns(message, { at, endpoints, problems }) };
		}
		default:
			return compileOriginal(message, at, problems);
	}
}

/** Captured connections are not served, so the destination must stand in a header. */
function compileOriginal(message: Cluster, at: string, problems: Problem[]): Discovery {
	const { lbConfig } = message;
	if (lbConfig.case !== "originalDstLbConfig" || !lbConfig.value.useHttpHeader) {
		const what = "ORIGINAL_DST needs captured connections, which this proxy does not serve";
		problems.push(problem("LTN3203", `${at}type`, what, "set original_dst_lb_config.use_http_header"));
	}
	if (message.lbPolicy !== Cluster_LbPolicy.CLUSTER_PROVIDED)
		problems.push(problem("LTN3227", `${at}lb_policy`, "an ORIGINAL_DST cluster needs CLUSTER_PROVIDED"));
	return { kind: "original", cleanupMs: durationMs(message.cleanupInterval, CLEANUP_MS) };
}

/** The header that names the endpoint of a request to an ORIGINAL_DST cluster. */
function destinationHeaderOf({ lbConfig }: Cluster): string | undefined {
	if (lbConfig.case !== "originalDstLbConfig" || !lbConfig.value.useHttpHeader) return undefined;
	return lbConfig.value.httpHeaderName.toLowerCase() || "x-envoy-original-dst-host";
}

function compileEndpoints(message: Cluster, at: string, problems: Problem[], names: boolean) {
	if (!message.loadAssignment) return { endpoints: [], overprovisioningFactor: 1.4 };
	return parseLoadAssignment(message.loadAssignment, `${at}load_assignment`, { problems, names });
}

function compileEds(message: Cluster, at: string, problems: Problem[]): Discovery {
	const source = message.edsClusterConfig?.edsConfig;
	if (source?.configSourceSpecifier.case !== "ads")
		problems.push(
			problem("LTN3204", `${at}eds_cluster_config.eds_config`, "endpoints can only come from ADS", "set ads: {}"),
		);
	if (message.loadAssignment)
		problems.push(problem("LTN3205", `${at}load_assignment`, "an EDS cluster has no load_assignment", "remove it"));
	return {
		kind: "eds",
		serviceName: message.edsClusterConfig?.serviceName || message.name,
		initialFetchTimeoutMs: durationMs(source?.initialFetchTimeout, EDS_INITIAL_FETCH_MS),
	};
}

function compileInfo(message: Cluster, at: string, problems: Problem[]): ClusterInfo {
	const connectTimeoutMs = durationMs(message.connectTimeout, 5000);
	if (connectTimeoutMs <= 0)
		problems.push(problem("LTN3206", `${at}connect_timeout`, "the connect timeout must be greater than 0"));
	return {
		...compileHttpProtocol(message, at, problems),
		connectTimeoutMs,
		destinationHeader: destinationHeaderOf(message),
		keepAlive: compileKeepAlive(message.upstreamConnectionOptions?.tcpKeepalive),
		metadata: plainMetadata(message.metadata),
		sourceIp: compileSourceIp(message.upstreamBindConfig, `${at}upstream_bind_config`, problems),
		perConnectionBufferLimitBytes: message.perConnectionBufferLimitBytes ?? DEFAULT_BUFFER_BYTES,
	};
}

/** Probes start after Linux' two hours when the time is not said (Envoy leaves it to the system). */
function compileKeepAlive(settings: TcpKeepalive | undefined): KeepAlive | undefined {
	if (!settings) return undefined;
	const { keepaliveTime, keepaliveInterval, keepaliveProbes } = settings;
	return {
		idleMs: (keepaliveTime ?? DEFAULT_KEEPALIVE_S) * 1000,
		intervalMs: keepaliveInterval === undefined ? undefined : keepaliveInterval * 1000,
		probes: keepaliveProbes,
	};
}

/** The address of an `upstream_bind_config`; undefined when it leaves the choice to the system. */
export function compileSourceIp(bind: BindConfig | undefined, path: string, problems: Problem[]): string | undefined {
	const source = bind?.sourceAddress;
	if (!source) return undefined;
	if (source.portSpecifier.case === "portValue" && source.portSpecifier.value !== 0)
		problems.push(
			problem(
				"LTN3207",
				`${path}.source_address.port_value`,
				"connections cannot share one source port",
				"set it to 0",
			),
		);
	if (!isIpAddress(source.address))
		problems.push(problem("LTN3216", `${path}.source_address.address`, `"${source.address}" is not an IP address`));
	return ANY_IP.has(source.address) ? undefined : source.address;
}

function compileThresholds(message: CircuitBreakers | undefined, path: string, problems: Problem[]): ThresholdsConfig {
	let found: ThresholdsConfig = DEFAULT_THRESHOLDS;
	for (const [i, threshold] of (message?.thresholds ?? []).entries()) {
		if (threshold.priority !== RoutingPriority.DEFAULT) {
			const what = "requests of priority HIGH are not implemented by this proxy";
			problems.push(problem("LTN3208", `${path}.thresholds[${i}].priority`, what, "use DEFAULT"));
			continue;
		}
		found = {
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
	return found;
}
