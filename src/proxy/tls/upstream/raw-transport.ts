import { connect, type LookupFunction, type NetConnectOpts } from "node:net";
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
export function connectOptions({
	host,
	port,
	path,
	more,
	localAddress,
	localPort,
	onread,
}: DialTarget): NetConnectOpts {
	const common = { noDelay: true, allowHalfOpen: true, ...(onread && { onread }) };
	if (path !== undefined) return { path, ...common };
	if (more && more.length > 0) return { ...raceOptions([host, ...more]), port, ...common };
	return { host, port, ...(localAddress !== undefined && { localAddress, localPort }), ...common };
}

/** Envoy starts the next attempt after so long. */
const NEXT_ADDRESS_AFTER_MS = 300;

/** Addresses that are tried one after the other, families in turn. The name stands for all of them, nothing is resolved. */
function raceOptions(addresses: readonly string[]) {
	const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
	return {
		host: "endpoint.invalid",
		autoSelectFamily: true,
		autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
		lookup: ((_name, _options, callback) => callback(null, found)) satisfies LookupFunction,
	};
}
