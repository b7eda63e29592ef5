import { connect, type Socket } from "node:net";
import type { Host, UpstreamCluster } from "../cluster/cluster.ts";
import { batchWrites, onreadOption, Transport, type TransportUser } from "../codec/transport.ts";

/** What opens a connection for itself. */
export interface ConnectingUser extends TransportUser {
	onConnect(): void;
}

/** Begins to connect to an endpoint as its cluster says; `onConnect` or `onClose` follows. */
export function openTransport(host: Host, { info }: UpstreamCluster, user: ConnectingUser): Transport {
	const onread = onreadOption();
	const socket: Socket = connect({
		host: host.ip,
		port: host.port,
		localAddress: info.sourceIp,
		noDelay: true,
		allowHalfOpen: true,
		onread,
	});
	const { keepAlive } = info;
	// Before Node 24.19 interval and number of probes are the system's.
	if (keepAlive) socket.setKeepAlive(true, keepAlive.idleMs, keepAlive.intervalMs, keepAlive.probes);
	const transport = new Transport(socket, user, info.perConnectionBufferLimitBytes, false);
	onread.bind(transport);
	socket.once("connect", () => batchWrites(() => user.onConnect()));
	return transport;
}
