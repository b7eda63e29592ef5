import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import {
	type Answer,
	AUTHORITATIVE_ANSWER,
	type DecodedPacket,
	decode,
	encode,
	type Packet,
	type Question,
	RECURSION_AVAILABLE,
} from "dns-packet";
import type { ServiceTable } from "./service-table.ts";

const TTL_S = 5;
const MAX_UDP_BYTES = 512;
const TCP_IDLE_MS = 5000;
const NXDOMAIN = 3;
const NOT_IMPLEMENTED = 4;

export interface DnsServer {
	readonly port: number;
	close(): Promise<void>;
}

/** DNS for pods, over UDP and TCP: Services of the mesh, nothing else; a name that is not one does not exist. */
export async function startDnsServer(ip: string, port: number, table: () => ServiceTable): Promise<DnsServer> {
	const tcp = createServer((socket) => serveStream(socket, table));
	await new Promise<void>((resolve, reject) => tcp.once("error", reject).listen(port, ip, resolve));
	const opened = (tcp.address() as { port: number }).port;
	const udp = createSocket("udp4");
	udp.on("message", (message, from) => {
		const reply = answerBytes(message, table());
		if (reply) udp.send(reply, from.port, from.address);
	});
	await new Promise<void>((resolve, reject) => udp.once("error", reject).bind(opened, ip, resolve));
	return { port: opened, close: () => close(tcp, udp) };
}

function close(tcp: Server, udp: UdpSocket): Promise<void> {
	return new Promise((resolve) => udp.close(() => tcp.close(() => resolve())));
}

function serveStream(socket: Socket, table: () => ServiceTable): void {
	let pending = Buffer.alloc(0);
	socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
	socket.on("error", () => socket.destroy());
	socket.on("data", (chunk: Buffer) => {
		pending = Buffer.concat([pending, chunk]);
		while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
			const size = 2 + pending.readUInt16BE(0);
			const query = tryDecode(() => decode(pending.subarray(2, size)));
			pending = pending.subarray(size);
			if (!query) return socket.destroy();
			socket.write(framed(encode(answerQuery(query, table()))));
		}
	});
}

/** RFC 1035 section 4.2.2: over TCP a message follows its length. */
function framed(message: Buffer): Buffer {
	const length = Buffer.alloc(2);
	length.writeUInt16BE(message.length);
	return Buffer.concat([length, message]);
}

function answerBytes(message: Buffer, table: ServiceTable): Buffer | undefined {
	const query = tryDecode(() => decode(message));
	if (!query || query.type === "response") return undefined;
	const reply = answerQuery(query, table);
	const bytes = encode(reply);
	// Too long for UDP: an empty answer that says "truncated" sends the asker to TCP.
	return bytes.length <= MAX_UDP_BYTES ? bytes : encode({ ...reply, answers: [], flags: (reply.flags ?? 0) | 0x0200 });
}

/** Undefined for bytes that are no DNS message: anybody may send us anything, and DNS says to drop it. */
function tryDecode<T>(read: () => T): T | undefined {
	try {
		return read();
	} catch {
		return undefined;
	}
}

function answerQuery(query: DecodedPacket, table: ServiceTable): Packet {
	const [question] = query.questions ?? [];
	const base: Packet = { type: "response", id: query.id, questions: query.questions };
	const flags = AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | ((query.flags ?? 0) & 0x0100);
	if (!question || query.questions?.length !== 1) return { ...base, flags: flags | NOT_IMPLEMENTED };
	const answers = answersTo(question, table);
	return answers ? { ...base, flags, answers } : { ...base, flags: flags | NXDOMAIN };
}

/** Undefined: the name does not exist; empty: it does, without records of this type. */
function answersTo({ name, type }: Question, table: ServiceTable): Answer[] | undefined {
	const alias = table.alias(name);
	if (alias) return [{ type: "CNAME", name, ttl: TTL_S, data: alias }];
	const addresses = table.addresses(name);
	if (!addresses) return undefined;
	return type === "A" ? addresses.map((data) => ({ type: "A", name, ttl: TTL_S, data })) : [];
}
