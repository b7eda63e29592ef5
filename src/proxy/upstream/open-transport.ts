import type { ClusterInfo, Host, UpstreamCluster } from "../cluster/cluster.ts";
import { batchWrites, onreadOption, Transport, type TransportUser } from "../codec/transport.ts";
import type { TlsInfo } from "../http/info/connection-info.ts";
import type { DialTarget, TransportWishes, UpstreamTransport } from "../tls/upstream/upstream-transport.ts";

/** What opens a connection for itself. */
export interface ConnectingUser extends TransportUser {
	/** Bytes may be sent; `tls` is undefined on plaintext connections. */
	onConnect(tls: TlsInfo | undefined): void;
}

/** How a pool's connections are secured. */
export interface ConnectionRoute {
	readonly security: UpstreamTransport;
	readonly wishes: TransportWishes;
}

/** Where a connection goes, and how. */
export interface ConnectionTarget extends ConnectionRoute {
	readonly host: Host;
	readonly cluster: UpstreamCluster;
}

/** Begins to connect to an endpoint as its cluster says; `onConnect` or `onClose` follows. */
export function openTransport({ host, cluster, security, wishes }: ConnectionTarget, user: ConnectingUser): Transport {
	const { info } = cluster;
	const onread = onreadOption();
	const target = { ...placeOf(host, info.firstFamily), ...sourceOf(info.source, host), onread };
	const { socket, readsByEvent } = security.dial(target, wishes, {
		onReady: (tls) => batchWrites(() => user.onConnect(tls)),
	});
	const { keepAlive } = info;
	// Before Node 24.19 interval and number of probes are the system's.
	if (keepAlive) socket.setKeepAlive(true, keepAlive.idleMs, keepAlive.intervalMs, keepAlive.probes);
	const transport = new Transport(socket, user, info.perConnectionBufferLimitBytes, readsByEvent);
	onread.bind(transport);
	return transport;
}

/** Where an endpoint is, as `net.connect` takes it. */
export function placeOf(
	{ ip, port, address, addresses }: Host,
	firstFamily?: ClusterInfo["firstFamily"],
): Pick<DialTarget, "host" | "port" | "path" | "more"> {
	if (ip === "") return { host: "", port: 0, path: address };
	if (addresses.length < 2) return { host: ip, port };
	const all = addresses.flatMap((one) => ("ip" in one ? [one.ip] : []));
	const begins = firstFamily && all.find((one) => one.includes(":") === (firstFamily === 6));
	if (begins === undefined || begins === ip) return { host: ip, port, more: all.slice(1) };
	return { host: begins, port, more: all.filter((one) => one !== begins) };
}

/** Which of the local addresses a connection to an endpoint comes from. */
export function sourceOf(
	source: ClusterInfo["source"],
	{ ip }: Pick<Host, "ip">,
): Pick<DialTarget, "localAddress" | "localPort"> | undefined {
	if (!source) return undefined;
	const sameFamily = source.ip.includes(":") === ip.includes(":");
	const localAddress = sameFamily ? source.ip : (source.otherIp ?? source.ip);
	return source.port === 0 ? { localAddress } : { localAddress, localPort: source.port };
}
