import type { Host, UpstreamCluster } from "../cluster/cluster.ts";
import { APPLICATION_PROTOCOLS, UPSTREAM_SERVER_NAME, UPSTREAM_SUBJECT_NAMES } from "../http/info/filter-state-keys.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { RequestHead } from "../http/message.ts";
import { firstRequestHeader } from "../router/match/request-header.ts";
import type { ClusterTransports } from "../tls/upstream/cluster-transports.ts";
import { proxiedClientOf } from "../tls/upstream/proxied-client.ts";
import type { TransportWishes } from "../tls/upstream/upstream-transport.ts";

const NO_STATE: ReadonlyMap<string, unknown> = new Map();
const IP = /^(?:[0-9.]+|\[[0-9a-fA-F:.]+\])$/;

/** What the connection for a request must be like beyond the cluster's configuration; undefined where no transport socket asks. */
export function wishesFor(
	{ info: { transports, autoSni } }: UpstreamCluster,
	{ hostname }: Host,
	request: RequestHead,
	info: StreamInfo,
): TransportWishes | undefined {
	if (transports === undefined) return undefined;
	const state = info.hasFilterState === false ? NO_STATE : info.filterState;
	const alpn = state.get(APPLICATION_PROTOCOLS);
	const serverName = state.get(UPSTREAM_SERVER_NAME) as string | undefined;
	const wanted = state.get(UPSTREAM_SUBJECT_NAMES) as readonly string[] | undefined;
	const { tellsOfClient } = transports as ClusterTransports;
	if (!alpn && !autoSni && !tellsOfClient && !hostname && !serverName && !wanted) return undefined;
	const name = autoSni && serverNameOf(request, autoSni.header);
	return {
		hostname,
		...(tellsOfClient && info.connection && { client: proxiedClientOf(info.connection) }),
		...(alpn !== undefined && { alpn: alpn as readonly string[] }),
		...(name && autoSni.setsSni && !IP.test(name) && { serverName: name }),
		...(name && autoSni.validatesSan && { names: [name.replace(/^\[|\]$/g, "")] }),
		...(serverName && { serverName }),
		...(wanted && { names: wanted }),
	};
}

/** The host that the request is for, without its port. */
function serverNameOf(request: RequestHead, header: string): string {
	const value = (header === "" ? request.authority : firstRequestHeader(request, header)) ?? "";
	return value.replace(/:\d+$/, "");
}
