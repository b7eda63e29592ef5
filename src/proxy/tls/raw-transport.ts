import { connect, type NetConnectOpts } from "node:net";
import type { Dialled, DialTarget, DialUser, TransportWishes, UpstreamTransport } from "./upstream-transport.ts";

/** Plain connections (Envoy: raw_buffer). */
export const RAW_TRANSPORT: UpstreamTransport = {
	ready: true,
	negotiates: false,
	closed: false,
	keyOf: () => "",
	whenSettled: (task) => task(),
	close: () => {},
	dial(target: DialTarget, _wishes: TransportWishes, user: DialUser): Dialled {
		const socket = connect(connectOptions(target));
		socket.once("connect", () => user.onReady(undefined));
		return { socket, readsByEvent: false };
	},
};

/** Options of `net.connect` and `tls.connect` for a target. */
export function connectOptions({ host, port, path, localAddress, onread }: DialTarget): NetConnectOpts {
	const common = { noDelay: true, allowHalfOpen: true, ...(onread && { onread }) };
	if (path !== undefined) return { path, ...common };
	return { host, port, ...(localAddress !== undefined && { localAddress }), ...common };
}
