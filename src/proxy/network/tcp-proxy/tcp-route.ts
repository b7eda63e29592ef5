import type { Random } from "../../../lib/random.ts";
import { xxHash64Utf8 } from "../../../lib/xx-hash64.ts";
import type { Host, PickContext } from "../../cluster/cluster.ts";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import { dynamicHost } from "../../http/info/dynamic-host.ts";
import {
	APPLICATION_PROTOCOLS,
	UPSTREAM_SERVER_NAME,
	UPSTREAM_SUBJECT_NAMES,
} from "../../http/info/filter-state-keys.ts";
import { originalDestination } from "../../http/info/original-destination.ts";
import { proxiedClientOf } from "../../tls/upstream/proxied-client.ts";
import type { ProxiedClient, TransportWishes } from "../../tls/upstream/upstream-transport.ts";
import { CLUSTER_KEY } from "./cluster-key.ts";
import type { TcpProxyConfig, TlvSettings, WeightedTarget } from "./tcp-proxy-config.ts";

/** The cluster of a connection: what a filter named, else drawn by weight. */
export function pickTarget(
	{ clusters }: TcpProxyConfig,
	connection: ConnectionInfo | undefined,
	random: Random,
): WeightedTarget {
	const [only] = clusters;
	if (clusters.length === 1) {
		const named = connection?.filterState.get(CLUSTER_KEY);
		return typeof named === "string" ? { ...only!, name: named } : only!;
	}
	const sum = clusters.reduce((total, { weight }) => total + weight, 0);
	let at = random.below(sum);
	return (
		clusters.find(({ weight }) => {
			at -= weight;
			return at < 0;
		}) ?? only!
	);
}

/** What the balancer is told of the connection; `forwards`: the cluster goes where clients say (dynamic_forward_proxy). */
export function pickContext(
	{ hashPolicy }: TcpProxyConfig,
	target: WeightedTarget,
	connection: ConnectionInfo | undefined,
	forwards = false,
): PickContext {
	return {
		hash: connection && hashOf(hashPolicy, connection),
		avoid: undefined,
		hostSelectionAttempts: 1,
		metadataMatch: target.metadataMatch,
		destination: forwards
			? connection && dynamicHost(connection.filterState, connection.requestedServerName)
			: originalDestination(connection),
	};
}

/** What the connection to the endpoint is told of the client's, and what filters want of it. */
export function wishesOf(
	connection: ConnectionInfo | undefined,
	{ hostname }: Host,
	{ tlvs }: Pick<TcpProxyConfig, "tlvs">,
): TransportWishes {
	if (!connection) return { hostname };
	const { filterState } = connection;
	const serverName = filterState.get(UPSTREAM_SERVER_NAME) as string | undefined;
	const names = filterState.get(UPSTREAM_SUBJECT_NAMES) as readonly string[] | undefined;
	const alpn = filterState.get(APPLICATION_PROTOCOLS) as readonly string[] | undefined;
	const client = proxiedClientOf(connection);
	return {
		hostname,
		client: tlvs ? { ...client, tlvs: mergeTlvs(connection, client.tlvs, tlvs) } : client,
		...(serverName && { serverName }),
		...(names && { names }),
		...(alpn && { alpn }),
	};
}

/** Filter state with an idle timeout of the connection's own. */
const IDLE_TIMEOUT = "envoy.tcp_proxy.per_connection_idle_timeout_ms";

/** 0 = never. */
export function idleTimeoutOf({ idleTimeoutMs }: TcpProxyConfig, connection: ConnectionInfo | undefined): number {
	const own = connection?.filterState.get(IDLE_TIMEOUT);
	return typeof own === "number" ? own : idleTimeoutMs;
}

/** Those of the client's own PROXY header and the configured ones (Envoy: proxy_protocol_tlv_merge_policy). */
function mergeTlvs(
	{ sourceIp, sourcePort, remoteIp, remotePort }: ConnectionInfo,
	own: ProxiedClient["tlvs"],
	{ added, policy }: TlvSettings,
): ProxiedClient["tlvs"] {
	const hadHeader = own.length > 0 || sourceIp !== remoteIp || sourcePort !== remotePort;
	if (policy === "absent") return hadHeader ? own : added;
	if (policy === "append") return [...own, ...added];
	return [...own.filter(({ type }) => !added.some((other) => other.type === type)), ...added];
}

function hashOf(policy: TcpProxyConfig["hashPolicy"], { sourceIp, filterState }: ConnectionInfo): bigint | undefined {
	if (!policy) return undefined;
	if (policy.kind === "source-ip") return sourceIp === "" ? undefined : xxHash64Utf8(sourceIp);
	const value = filterState.get(policy.key);
	return typeof value === "string" ? xxHash64Utf8(value) : undefined;
}
