import { createRequire } from "node:module";
import type { Socket } from "node:net";
import { formatIpv4, formatIpv6 } from "./ip-text.ts";

/** Where a redirected socket was meant to go, from the system; undefined when it was not redirected or has no such thing. */
export type DestinationReader = (socket: Socket) => { readonly ip: string; readonly port: number } | undefined;

const SOL_IP = 0;
const SOL_IPV6 = 41;
/** Of netfilter, the same number at both levels. */
const SO_ORIGINAL_DST = 80;
const ADDRESS_BYTES = 28;

let reader: DestinationReader | string | undefined;

/**
 * Reads SO_ORIGINAL_DST, which Node does not offer, by a foreign call of getsockopt; a sentence why it cannot be had on this system.
 * The library is loaded at the first call.
 */
export function destinationReader(): DestinationReader | string {
	reader ??= load();
	return reader;
}

function load(): DestinationReader | string {
	if (process.platform !== "linux")
		return `redirected connections are known on Linux only, this is ${process.platform}`;
	try {
		const getsockopt = loadGetsockopt();
		return (socket) => originalDestination(socket, getsockopt);
	} catch (error) {
		return `getsockopt cannot be called: ${error instanceof Error ? error.message : String(error)}`;
	}
}

type Getsockopt = (fd: number, level: number, option: number, value: Buffer, length: Uint32Array) => number;

interface Koffi {
	load(path: string | null): { func(signature: string): unknown };
}

function loadGetsockopt(): Getsockopt {
	const koffi = createRequire(import.meta.url)("koffi") as Koffi;
	const signature = "int getsockopt(int fd, int level, int option, _Out_ uint8_t *value, _Inout_ uint32_t *length)";
	return koffi.load(null).func(signature) as Getsockopt;
}

function originalDestination(socket: Socket, getsockopt: Getsockopt): ReturnType<DestinationReader> {
	const fd = fileDescriptor(socket);
	if (fd === undefined) return undefined;
	const value = Buffer.alloc(ADDRESS_BYTES);
	// A v4 client on a v6 socket is redirected by the v4 table.
	for (const level of socket.localAddress?.includes(":") ? [SOL_IPV6, SOL_IP] : [SOL_IP]) {
		if (getsockopt(fd, level, SO_ORIGINAL_DST, value, new Uint32Array([ADDRESS_BYTES])) !== 0) continue;
		const port = value.readUInt16BE(2);
		if (level === SOL_IP) return { ip: formatIpv4(value.subarray(4, 8)), port };
		const ip = formatIpv6(value.subarray(8, 24));
		return { ip: ip.startsWith("::ffff:") ? formatIpv4(value.subarray(20, 24)) : ip, port };
	}
	return undefined;
}

/** The handle of a net.Socket has the descriptor; Node shows it nowhere else. */
function fileDescriptor(socket: Socket): number | undefined {
	const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } | null };
	return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}
