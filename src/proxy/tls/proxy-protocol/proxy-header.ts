import { isIP } from "node:net";
import type { ProxiedClient } from "../upstream/upstream-transport.ts";

/** Addresses of a header: who speaks to whom. */
export type ProxyAddresses = Omit<ProxiedClient, "tlvs">;

export interface Tlv {
	readonly type: number;
	readonly value: Uint8Array;
}

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const VERSION_2 = 0x20;
const LOCAL = 0x00;
const PROXY = 0x01;
const TCP4 = 0x11;
const TCP6 = 0x21;

/** The text form of a PROXY protocol header (haproxy.org, proxy-protocol.txt 2.1). */
export function formatProxyV1({ sourceIp, sourcePort, destinationIp, destinationPort }: ProxyAddresses): string {
	const family = familyOf(sourceIp, destinationIp);
	if (family === undefined) return "PROXY UNKNOWN\r\n";
	return `PROXY TCP${family} ${sourceIp} ${destinationIp} ${sourcePort} ${destinationPort}\r\n`;
}

/** The binary form (2.2) of a connection made for a client. */
export function formatProxyV2(addresses: ProxyAddresses, tlvs: readonly Tlv[]): Buffer {
	const { sourceIp, sourcePort, destinationIp, destinationPort } = addresses;
	const family = familyOf(sourceIp, destinationIp);
	if (family === undefined) return proxyV2Local();
	const ports = Buffer.alloc(4);
	ports.writeUInt16BE(sourcePort, 0);
	ports.writeUInt16BE(destinationPort, 2);
	const body = Buffer.concat([ipBytes(sourceIp), ipBytes(destinationIp), ports, ...tlvs.map(formatTlv)]);
	return Buffer.concat([head(PROXY, family === 4 ? TCP4 : TCP6, body.length), body]);
}

/** The binary form for a connection that the proxy makes for itself (health checks). */
export function proxyV2Local(): Buffer {
	return head(LOCAL, 0, 0);
}

function head(command: number, family: number, length: number): Buffer {
	const bytes = Buffer.alloc(4);
	bytes[0] = VERSION_2 | command;
	bytes[1] = family;
	bytes.writeUInt16BE(length, 2);
	return Buffer.concat([SIGNATURE, bytes]);
}

function formatTlv({ type, value }: Tlv): Buffer {
	const bytes = Buffer.alloc(3 + value.length);
	bytes[0] = type;
	bytes.writeUInt16BE(value.length, 1);
	bytes.set(value, 3);
	return bytes;
}

/** Both addresses must be of one family. */
function familyOf(source: string, destination: string): 4 | 6 | undefined {
	const family = isIP(source);
	return family !== 0 && family === isIP(destination) ? (family as 4 | 6) : undefined;
}

function ipBytes(ip: string): Buffer {
	if (isIP(ip) === 4) return Buffer.from(ip.split(".").map(Number));
	const [before = "", after] = ip.split("::") as [string, string?];
	const left = groups(before);
	const right = after === undefined ? [] : groups(after);
	const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
	const bytes = Buffer.alloc(16);
	for (const [i, group] of all.entries()) bytes.writeUInt16BE(group, i * 2);
	return bytes;
}

/** Groups of 16 bits; a dotted quad at the end is two of them. */
function groups(text: string): number[] {
	if (text === "") return [];
	return text.split(":").flatMap((part) => {
		if (!part.includes(".")) return [Number.parseInt(part, 16)];
		const [a, b, c, d] = part.split(".").map(Number) as [number, number, number, number];
		return [a * 256 + b, c * 256 + d];
	});
}
