import type { Random } from "../../../lib/random.ts";
import { xxHash64Utf8 } from "../../../lib/xx-hash64.ts";
import type { Host, PickContext } from "../../cluster/cluster.ts";
import type { ConnectionInfo } from "../../http/connection-info.ts";
import { dynamicHost } from "../../http/dynamic-host.ts";
import { originalDestination } from "../../http/original-destination.ts";
import { proxiedClientOf } from "../../tls/proxied-client.ts";
import type { TransportWishes } from "../../tls/upstream-transport.ts";
import { CLUSTER_KEY } from "./cluster-key.ts";
import type { TcpProxyConfig, WeightedTarget } from "./tcp-proxy-config.ts";

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

/** What the connection to the endpoint is told of the client's. */
export function wishesOf(connection: ConnectionInfo | undefined, { hostname }: Host): TransportWishes {
	return connection ? { hostname, client: proxiedClientOf(connection) } : { hostname };
}

function hashOf(policy: TcpProxyConfig["hashPolicy"], { sourceIp, filterState }: ConnectionInfo): bigint | undefined {
	if (!policy) return undefined;
	if (policy.kind === "source-ip") return sourceIp === "" ? undefined : xxHash64Utf8(sourceIp);
	const value = filterState.get(policy.key);
	return typeof value === "string" ? xxHash64Utf8(value) : undefined;
}
