import { isIP } from "node:net";
import { ByteReader } from "../../tls/hello/byte-reader.ts";
import { formatIpv4, formatIpv6 } from "./ip-text.ts";

/** A PROXY protocol header (HAProxy's specification, sections 2.1 and 2.2). */
export interface ProxyHeader {
	readonly version: 1 | 2;
	/** Bytes of the whole header. */
	readonly length: number;
	/** Undefined: LOCAL or UNKNOWN, the connection speaks for itself. */
	readonly addresses: ProxyAddresses | undefined;
	readonly tlvs: readonly Tlv[];
}

export interface ProxyAddresses {
	readonly sourceIp: string;
	readonly sourcePort: number;
	readonly destinationIp: string;
	readonly destinationPort: number;
}

export interface Tlv {
	readonly type: number;
	readonly value: Buffer;
}

/** "more": it may become a header; "broken": it is one of that version, but wrong; "absent": it is none. */
export type ProxyReading = ProxyHeader | "more" | { readonly broken: 1 | 2 } | "absent";

export const V2_SIGNATURE: Buffer = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
export const V1_SIGNATURE: Buffer = Buffer.from("PROXY ", "latin1");
const V2_HEADER_BYTES = 16;
const MAX_V1_BYTES = 108;

/** Reads a header off the front of everything that has come. */
export function readProxyHeader(bytes: Buffer): ProxyReading {
	if (couldStartWith(bytes, V2_SIGNATURE)) return bytes.length >= V2_HEADER_BYTES ? readV2(bytes) : "more";
	return couldStartWith(bytes, V1_SIGNATURE.subarray(0, 5)) ? readV1(bytes) : "absent";
}

/** Whether the bytes so far could begin with the signature. */
export function couldStartWith(bytes: Buffer, signature: Buffer): boolean {
	const length = Math.min(bytes.length, signature.length);
	return bytes.compare(signature, 0, length, 0, length) === 0;
}

function readV1(bytes: Buffer): ProxyReading {
	const end = bytes.indexOf("\r\n", 0, "latin1");
	if (end < 0) return bytes.length > MAX_V1_BYTES ? "absent" : "more";
	if (end + 2 > MAX_V1_BYTES) return "absent";
	const parts = bytes.toString("latin1", 0, end).trimEnd().split(" ");
	if (parts[0] !== "PROXY" || parts.length < 2) return { broken: 1 };
	const header = { version: 1, length: end + 2, tlvs: [] } as const;
	if (parts[1] === "UNKNOWN") return { ...header, addresses: undefined };
	const family = { TCP4: 4, TCP6: 6 }[parts[1]!];
	const [, , sourceIp = "", destinationIp = "", sourcePort = "", destinationPort = ""] = parts;
	if (family === undefined || parts.length !== 6) return { broken: 1 };
	const addresses = {
		sourceIp,
		destinationIp,
		sourcePort: portOf(sourcePort),
		destinationPort: portOf(destinationPort),
	};
	return isUsable(addresses, family) ? { ...header, addresses } : { broken: 1 };
}

function portOf(text: string): number {
	return /^\d{1,5}$/.test(text) ? Number(text) : -1;
}

const COMMAND_LOCAL = 0;
const COMMAND_PROXY = 1;
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 1: 12, 2: 36 };

function readV2(bytes: Buffer): ProxyReading {
	const version = bytes[12]! >> 4;
	const command = bytes[12]! & 15;
	const family = bytes[13]! >> 4;
	const transport = bytes[13]! & 15;
	const length = V2_HEADER_BYTES + bytes.readUInt16BE(14);
	const local = command === COMMAND_LOCAL;
	const addressBytes = local ? 0 : ADDRESS_BYTES[family];
	if (version !== 2 || addressBytes === undefined || length < V2_HEADER_BYTES + addressBytes) return { broken: 2 };
	if (!local && (command !== COMMAND_PROXY || (transport !== 1 && transport !== 2))) return { broken: 2 };
	if (bytes.length < length) return "more";
	if (local) return { version: 2, length, addresses: undefined, tlvs: [] };
	const reader = new ByteReader(bytes, V2_HEADER_BYTES, length);
	const ip = family === 1 ? () => formatIpv4(reader.bytes(4)) : () => formatIpv6(reader.bytes(16));
	const sourceIp = ip();
	const destinationIp = ip();
	const addresses = { sourceIp, destinationIp, sourcePort: reader.number(2), destinationPort: reader.number(2) };
	const tlvs = readTlvs(reader);
	if (!tlvs || !isUsable(addresses, family === 1 ? 4 : 6)) return { broken: 2 };
	return { version: 2, length, addresses, tlvs };
}

function readTlvs(reader: ByteReader): Tlv[] | undefined {
	const tlvs: Tlv[] = [];
	while (reader.left > 0) {
		const type = reader.number(1);
		const value = reader.part(2);
		if (reader.broken) return undefined;
		tlvs.push({ type, value: Buffer.from(value.bytes(value.left)) });
	}
	return tlvs;
}

/** TCP has one sender and one receiver: no broadcast, no multicast, no unspecified address. */
function isUsable(addresses: ProxyAddresses, family: number): boolean {
	const { sourceIp, destinationIp, sourcePort, destinationPort } = addresses;
	if (![sourcePort, destinationPort].every((port) => port >= 0 && port <= 65_535)) return false;
	return [sourceIp, destinationIp].every((ip) => isIP(ip) === family && isUnicast(ip));
}

function isUnicast(ip: string): boolean {
	if (ip.includes(":")) return ip !== "::" && !/^ff/i.test(ip);
	const first = Number(ip.split(".", 1)[0]);
	return ip !== "0.0.0.0" && ip !== "255.255.255.255" && (first < 224 || first > 239);
}
