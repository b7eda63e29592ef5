import { formatMasked, parseIp } from "../../../lib/cidr.ts";
import { hostPort } from "../../http/info/connection-info.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { FormatOperator } from "./format-context.ts";

/** Operators that show an `ip:port` address whole, without its port, or its port alone. */
const ADDRESSES: Readonly<Record<string, (info: StreamInfo) => string | undefined>> = {
	UPSTREAM_HOST: (info) => info.upstreamHost,
	// Only of a connection that was made.
	UPSTREAM_REMOTE_ADDRESS: (info) => (info.upstreamLocalAddress === undefined ? undefined : info.upstreamHost),
	UPSTREAM_LOCAL_ADDRESS: (info) => info.upstreamLocalAddress,
	DOWNSTREAM_REMOTE_ADDRESS: (info) => info.downstreamRemoteAddress,
	DOWNSTREAM_LOCAL_ADDRESS: (info) => info.downstreamLocalAddress,
	DOWNSTREAM_DIRECT_REMOTE_ADDRESS: ({ connection }) =>
		connection && hostPort(connection.remoteIp, connection.remotePort),
	DOWNSTREAM_DIRECT_LOCAL_ADDRESS: ({ connection }) =>
		connection &&
		hostPort(connection.acceptedIp ?? connection.localIp, connection.acceptedPort ?? connection.localPort),
};

/** The operator of that name when it is about an address, else undefined. */
export function addressOperator(name: string, text: string | undefined): FormatOperator | undefined {
	if (ENDPOINT_ID.test(name))
		return name.startsWith("UPSTREAM")
			? ({ info }) => (info.upstreamLocalAddress === undefined ? undefined : "")
			: () => "";
	const whole = readerOf(name);
	if (whole) return (ctx) => whole(ctx.info);
	const noPort = name.endsWith(WITHOUT_PORT) ? readerOf(name.slice(0, -WITHOUT_PORT.length)) : undefined;
	if (noPort) {
		const show = masked(text);
		return (ctx) => {
			const ip = splitAddress(noPort(ctx.info))?.ip;
			return ip === undefined ? undefined : show(ip);
		};
	}
	const port = name.endsWith("_PORT") ? readerOf(name.replace(/_PORT$/, "_ADDRESS")) : undefined;
	return port && ((ctx) => splitAddress(port(ctx.info))?.port);
}

const WITHOUT_PORT = "_WITHOUT_PORT";
/** Only addresses inside of Envoy have one. */
const ENDPOINT_ID = /^(?:DOWNSTREAM(?:_DIRECT)?_LOCAL|UPSTREAM_REMOTE)_ADDRESS_ENDPOINT_ID$/;

/** An address, or the range of so many bits that it is in; all of them where there are not so many. */
function masked(text: string | undefined): (ip: string) => string | undefined {
	if (!text) return (ip) => ip;
	if (!/^\d{1,3}$/.test(text)) return (ip) => ip;
	return (ip) => {
		const words = parseIp(ip);
		const bits = words && Math.min(Number(text), words.length * 32);
		return words && `${formatMasked(words, bits!)}/${bits}`;
	};
}

function readerOf(name: string): ((info: StreamInfo) => string | undefined) | undefined {
	return Object.hasOwn(ADDRESSES, name) ? ADDRESSES[name] : undefined;
}

/** `10.0.0.1:80` → ip and port; `[::1]:80` loses its brackets. */
export function splitAddress(address: string | undefined): { ip: string; port: number } | undefined {
	if (address === undefined) return undefined;
	const colon = address.lastIndexOf(":");
	if (colon < 0) return { ip: address, port: 0 };
	return { ip: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(address.slice(colon + 1)) };
}
