import { type Problem, ProblemError, problem } from "../../../lib/problem.ts";
import { unpackAs } from "../../../xds/any.ts";
import {
	UpstreamConnectionOptions_FirstAddressFamilyVersion as AddressFamily,
	type Cluster,
	type Cluster_PreconnectPolicy,
	type UpstreamConnectionOptions_HappyEyeballsConfig,
} from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { TcpKeepalive } from "../../../xds/generated/envoy/config/core/v3/address_pb.ts";
import { ClusterConfigSchema as ForwardSchema } from "../../../xds/generated/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts";
import { GenericConnectionPoolProtoSchema } from "../../../xds/generated/envoy/extensions/upstreams/http/generic/v3/generic_connection_pool_pb.ts";
import { HttpConnectionPoolProtoSchema } from "../../../xds/generated/envoy/extensions/upstreams/http/http/v3/http_connection_pool_pb.ts";
import type { ClusterInfo, KeepAlive } from "../cluster.ts";
import type { ClusterConfig, Discovery } from "../cluster-config.ts";
import { compileHealthChecks } from "../health/compile-check.ts";
import { compileOutlier } from "../outlier/outlier-config.ts";
import { compileBreakers } from "./compile-breakers.ts";
import { compileDiscovery } from "./compile-discovery.ts";
import { compileHttpProtocol } from "./compile-http-protocol.ts";
import { compileSource } from "./compile-source.ts";
import { durationMs } from "./duration-ms.ts";
import { plainMetadata } from "./endpoint-config.ts";
import { compileBalancing } from "./policy/compile-balancing.ts";
import { metadataPlace } from "./policy/compile-override-host.ts";
import { compileUpstreamFilters } from "./upstream-filters.ts";

/** Where connections for requests come from anyway. */
const USUAL_POOLS = [GenericConnectionPoolProtoSchema, HttpConnectionPoolProtoSchema] as const;

const DEFAULT_BUFFER_BYTES = 1024 * 1024;
const DEFAULT_KEEPALIVE_S = 7200;
const ORIGINAL_DST_HEADER = "x-envoy-original-dst-host";

/** Cluster types that know by themselves which endpoint is meant. */
const BY_THEMSELVES: ReadonlySet<Discovery["kind"]> = new Set(["original", "aggregate", "forward"]);

/** Reads a Cluster message but for its transport sockets (`proxy/tls`); throws ProblemError (LTN32xx) with every problem and its path below `path`. */
export function compileCluster(message: Cluster, path = ""): ClusterConfig {
	const at = path === "" ? "" : `${path}.`;
	const problems: Problem[] = [];
	if (message.name === "") problems.push(problem("LTN3201", `${at}name`, "the cluster has no name"));
	const discovery = compileDiscovery(message, { at, problems });
	const peerExchange = compileUpstreamFilters(message.filters, at, problems);
	const provides = discovery !== undefined && BY_THEMSELVES.has(discovery.kind);
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
			...(peerExchange !== undefined && { peerExchange }),
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
	const pools = message.upstreamConfig;
	if (pools && !USUAL_POOLS.some((schema) => unpackAs(pools.typedConfig, schema)))
		problems.push(
			problem("LTN3264", `${at}upstream_config`, `"${pools.name}" is not implemented by this proxy`, "remove it"),
		);
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
	if (message.cleanupInterval && durationMs(message.cleanupInterval, 0) <= 0)
		problems.push(problem("LTN3206", `${at}cleanup_interval`, "the interval must be greater than 0"));
	if (connectTimeoutMs <= 0)
		problems.push(problem("LTN3206", `${at}connect_timeout`, "the connect timeout must be greater than 0"));
	return {
		...compileHttpProtocol(message, at, problems),
		connectTimeoutMs,
		...(discovery?.kind === "forward" && compileForward(message, at, problems)),
		destinationHeader: destinationHeaderOf(message),
		destinationMetadata: destinationMetadataOf(message),
		toOriginalDestination: discovery?.kind === "original",
		keepAlive: compileKeepAlive(message.upstreamConnectionOptions?.tcpKeepalive),
		metadata: plainMetadata(message.metadata),
		poolPerConnection: message.connectionPoolPerDownstreamConnection,
		preconnectRatio: compilePreconnect(message.preconnectPolicy, `${at}preconnect_policy`, problems),
		tracks: tracksOf(message),
		source: compileSource(message.upstreamBindConfig, `${at}upstream_bind_config`, problems),
		firstFamily: compileFirstFamily(message.upstreamConnectionOptions?.happyEyeballsConfig, at, problems),
		perConnectionBufferLimitBytes: message.perConnectionBufferLimitBytes ?? DEFAULT_BUFFER_BYTES,
		detectsOutliers: message.outlierDetection !== undefined,
		healthChecked: message.healthChecks.length > 0,
	};
}

const HTTPS_PORT = 443;
const HTTP_PORT = 80;

/** TLS to hosts that clients name: each must show a certificate for its name, unless the cluster says that this may be left out (Envoy). */
function compileForward(
	message: Cluster,
	at: string,
	problems: Problem[],
): Pick<ClusterInfo, "forwardProxy" | "autoSni"> {
	const { configType } = message.transportSocket ?? {};
	const secure = configType?.case === "typedConfig" && configType.value.typeUrl.endsWith(".UpstreamTlsContext");
	const { autoSni } = compileHttpProtocol(message, at, []);
	const { clusterDiscoveryType: type } = message;
	const own = type.case === "clusterType" ? unpackAs(type.value.typedConfig, ForwardSchema) : undefined;
	const says = Object.keys(message.typedExtensionProtocolOptions).length > 0;
	if (says && !own?.allowInsecureClusterOptions && !(autoSni?.setsSni && autoSni.validatesSan))
		problems.push(
			problem(
				"LTN3267",
				`${at}typed_extension_protocol_options`,
				"a dynamic_forward_proxy cluster must have auto_sni and auto_san_validation",
				"set both in upstream_http_protocol_options, or allow_insecure_cluster_options",
			),
		);
	return {
		forwardProxy: { defaultPort: secure ? HTTPS_PORT : HTTP_PORT },
		autoSni: says ? autoSni : { header: "", setsSni: true, validatesSan: true },
	};
}

/** The header that names the endpoint of a request to an ORIGINAL_DST cluster. */
function destinationHeaderOf({ lbConfig }: Cluster): string | undefined {
	if (lbConfig.case !== "originalDstLbConfig" || !lbConfig.value.useHttpHeader) return undefined;
	return lbConfig.value.httpHeaderName.toLowerCase() || ORIGINAL_DST_HEADER;
}

function destinationMetadataOf({ lbConfig }: Cluster): ClusterInfo["destinationMetadata"] {
	if (lbConfig.case !== "originalDstLbConfig" || !lbConfig.value.metadataKey) return undefined;
	return metadataPlace(lbConfig.value.metadataKey);
}

/** What is recorded by `track_cluster_stats` or its predecessor. */
function tracksOf({ trackClusterStats: tracks, trackTimeoutBudgets }: Cluster): ClusterInfo["tracks"] {
	const timeouts = tracks?.timeoutBudgets === true || trackTimeoutBudgets;
	const sizes = tracks?.requestResponseSizes === true;
	return timeouts || sizes ? { timeouts, sizes } : undefined;
}

const MAX_PRECONNECT = 3;

function compilePreconnect(policy: Cluster_PreconnectPolicy | undefined, at: string, problems: Problem[]): number {
	const own = policy?.perUpstreamPreconnectRatio ?? 1;
	const ahead = policy?.predictivePreconnectRatio ?? 1;
	const complain = (field: string, what: string) => void problems.push(problem("LTN3263", `${at}.${field}`, what));
	if (own < 1 || own > MAX_PRECONNECT) complain("per_upstream_preconnect_ratio", "the ratio must be from 1 to 3");
	if (ahead < 1 || ahead > MAX_PRECONNECT) complain("predictive_preconnect_ratio", "the ratio must be from 1 to 3");
	else if (ahead > 1)
		complain(
			"predictive_preconnect_ratio",
			"connections to endpoints that nobody asked for yet are not opened by this proxy",
		);
	return own;
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

/** Families take turns, beginning with this one. */
function compileFirstFamily(
	config: UpstreamConnectionOptions_HappyEyeballsConfig | undefined,
	at: string,
	problems: Problem[],
): 4 | 6 | undefined {
	if (!config) return undefined;
	const { firstAddressFamilyCount: count = 1, firstAddressFamilyVersion: version } = config;
	const field = `${at}upstream_connection_options.happy_eyeballs_config.first_address_family_count`;
	if (count < 1) problems.push(problem("LTN3247", field, "the number must be at least 1"));
	else if (count > 1)
		problems.push(
			problem("LTN3247", field, "more than one address of a family in a row is not implemented by this proxy"),
		);
	if (version === AddressFamily.DEFAULT) return undefined;
	return version === AddressFamily.V4 ? 4 : 6;
}
