import { type Problem, ProblemError, problem } from "../../lib/problem.ts";
import type { Cluster } from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { BindConfig, TcpKeepalive } from "../../xds/generated/envoy/config/core/v3/address_pb.ts";
import type { ClusterInfo, KeepAlive } from "./cluster.ts";
import type { ClusterConfig, Discovery } from "./cluster-config.ts";
import { compileBalancing } from "./compile-balancing.ts";
import { compileBreakers } from "./compile-breakers.ts";
import { compileDiscovery } from "./compile-discovery.ts";
import { compileHttpProtocol } from "./compile-http-protocol.ts";
import { durationMs } from "./duration-ms.ts";
import { plainMetadata } from "./endpoint-config.ts";
import { compileHealthChecks } from "./health/compile-check.ts";
import { isIpAddress } from "./ip-address.ts";
import { compileOutlier } from "./outlier-config.ts";
import { checkUpstreamFilters } from "./upstream-filters.ts";

const DEFAULT_BUFFER_BYTES = 1024 * 1024;
const DEFAULT_KEEPALIVE_S = 7200;
const ANY_IP = new Set(["0.0.0.0", "::"]);
const ORIGINAL_DST_HEADER = "x-envoy-original-dst-host";

/** Reads a Cluster message but for its transport sockets (`proxy/tls`); throws ProblemError (LTN32xx) with every problem and its path below `path`. */
export function compileCluster(message: Cluster, path = ""): ClusterConfig {
	const at = path === "" ? "" : `${path}.`;
	const problems: Problem[] = [];
	if (message.name === "") problems.push(problem("LTN3201", `${at}name`, "the cluster has no name"));
	const discovery = compileDiscovery(message, { at, problems });
	checkUpstreamFilters(message.filters, at, problems);
	const provides = discovery?.kind === "original" || discovery?.kind === "aggregate";
	const breakers = compileBreakers(message.circuitBreakers, `${at}circuit_breakers`, problems);
	const { maxConnectionsPerHost } = breakers;
	const balancing = compileBalancing(message, provides, { at, problems });
	const config = {
		name: message.name,
		observabilityName: message.altStatName || message.name,
		// Istio ends the name with `;` for the expressions that take Envoy's stats names apart; nothing here needs it.
		statName: (message.altStatName || message.name).replace(/;$/, "").replaceAll(":", "_"),
		info: {
			...compileInfo(message, discovery, at, problems),
			maxConnectionsPerHost,
			overrideHost: balancing.overrideHost,
		},
		balancing,
		breakers,
		outlier: message.outlierDetection && compileOutlier(message.outlierDetection, `${at}outlier_detection`, problems),
		healthChecks: compileHealthChecks(message.healthChecks, at, problems),
		ignoreHealthOnRemoval: message.ignoreHealthOnHostRemoval,
		cutOnHealthFailure: message.closeConnectionsOnHostHealthFailure,
	};
	if (balancing.hashesHostnames && (discovery?.kind !== "dns" || discovery.dns.logical))
		problems.push(problem("LTN3229", at.slice(0, -1), "host names can be hashed in STRICT_DNS clusters only"));
	if (problems.length > 0 || !discovery) throw new ProblemError(problems);
	return { ...config, discovery };
}

function compileInfo(
	message: Cluster,
	discovery: Discovery | undefined,
	at: string,
	problems: Problem[],
): Omit<ClusterInfo, "maxConnectionsPerHost"> {
	const connectTimeoutMs = durationMs(message.connectTimeout, 5000);
	if (connectTimeoutMs <= 0)
		problems.push(problem("LTN3206", `${at}connect_timeout`, "the connect timeout must be greater than 0"));
	return {
		...compileHttpProtocol(message, at, problems),
		connectTimeoutMs,
		destinationHeader: destinationHeaderOf(message),
		toOriginalDestination: discovery?.kind === "original" && destinationHeaderOf(message) === undefined,
		keepAlive: compileKeepAlive(message.upstreamConnectionOptions?.tcpKeepalive),
		metadata: plainMetadata(message.metadata),
		sourceIp: compileSourceIp(message.upstreamBindConfig, `${at}upstream_bind_config`, problems),
		perConnectionBufferLimitBytes: message.perConnectionBufferLimitBytes ?? DEFAULT_BUFFER_BYTES,
		detectsOutliers: message.outlierDetection !== undefined,
		healthChecked: message.healthChecks.length > 0,
	};
}

/** The header that names the endpoint of a request to an ORIGINAL_DST cluster. */
function destinationHeaderOf({ lbConfig }: Cluster): string | undefined {
	if (lbConfig.case !== "originalDstLbConfig" || !lbConfig.value.useHttpHeader) return undefined;
	return lbConfig.value.httpHeaderName.toLowerCase() || ORIGINAL_DST_HEADER;
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
