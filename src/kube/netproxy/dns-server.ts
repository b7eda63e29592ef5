import { createSocket } from "node:dgram";
import { type AddressInfo, createServer, type Socket } from "node:net";
import {
	type Answer,
	AUTHORITATIVE_ANSWER,
	decode,
	encode,
	type Packet,
	streamEncode,
	TRUNCATED_RESPONSE,
} from "dns-packet";
import { CLUSTER_DOMAIN } from "../../lib/names.ts";
import type { Log } from "../client/log.ts";
import { answerQuestion } from "./dns-answers.ts";
import type { ServiceTable } from "./service-table.ts";

/** Without EDNS an answer by UDP may not be longer (RFC 1035); the client asks again by TCP. */
const MAX_UDP_BYTES = 512;
const MAX_QUERY_BYTES = 4096;
const TCP_IDLE_MS = 10_000;
const FORMAT_ERROR = 1;
const NO_SUCH_NAME = 3;

export interface DnsServer {
	/** The one that was chosen for port 0. */
	readonly port: number;
	close(): Promise<void>;
}

/** Answers on UDP and TCP of one address and port, from the table of that moment. Rejects when the port is taken. */
export async function startDnsServer(
	at: { address: string; port: number },
	table: () => ServiceTable,
	log: Log,
): Promise<DnsServer> {
	const respond = (query: Buffer): Packet | undefined => {
		try {
			return answerPacket(table(), decode(query));
		} catch (error) {
			log.debug({ err: error }, "a DNS query could not be read");
			if (query.length < 2) return undefined;
			return { type: "response", id: query.readUInt16BE(0), flags: FORMAT_ERROR };
		}
	};
	const udp = createSocket("udp4");
	udp.on("message", (query, peer) => {
		const answer = respond(query);
		if (!answer) return;
		const bytes = encode(answer);
		const fits = bytes.length <= MAX_UDP_BYTES;
		const short = fits ? bytes : encode({ ...answer, answers: [], flags: (answer.flags ?? 0) | TRUNCATED_RESPONSE });
		udp.send(short, peer.port, peer.address);
	});
	const sockets = new Set<Socket>();
	const tcp = createServer((socket) => {
		sockets.add(socket);
		socket.once("close", () => sockets.delete(socket));
		socket.on("error", () => socket.destroy()); // the client left
		socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
		serveTcp(socket, respond);
	});
	// TCP first: port 0 lets the system choose one, which UDP then takes as well.
	await new Promise<void>((resolve, reject) => {
		tcp.once("error", reject);
		tcp.listen(at.port, at.address, resolve);
	});
	const { port } = tcp.address() as AddressInfo;
	await new Promise<void>((resolve, reject) => {
		udp.once("error", reject);
		udp.bind(port, at.address, resolve);
	}).catch((error: unknown) => {
		tcp.close();
		throw error;
	});
	udp.on("error", (error) => log.warn({ err: error }, "the DNS socket failed"));
	return {
		port,
		async close() {
			for (const socket of sockets) socket.destroy();
			await Promise.all([
				new Promise<void>((resolve) => udp.close(() => resolve())),
				new Promise<void>((resolve) => tcp.close(() => resolve())),
			]);
		},
	};
}

/** Messages with a two-byte length before each. */
function serveTcp(socket: Socket, respond: (query: Buffer) => Packet | undefined): void {
	let pending = Buffer.alloc(0);
	socket.on("data", (chunk: Buffer) => {
		pending = Buffer.concat([pending, chunk]);
		while (pending.length >= 2) {
			const length = pending.readUInt16BE(0);
			if (length > MAX_QUERY_BYTES) return void socket.destroy();
			if (pending.length < 2 + length) return;
			const answer = respond(pending.subarray(2, 2 + length));
			pending = pending.subarray(2 + length);
			if (!answer) return void socket.destroy();
			socket.write(streamEncode(answer));
		}
	});
}

function answerPacket(table: ServiceTable, query: Packet): Packet {
	const questions = query.questions ?? [];
	const results = questions.map((question) => answerQuestion(table, question));
	const exists = results.some((result) => result.exists);
	const answers = results.flatMap((result) => result.answers);
	return {
		type: "response",
		id: query.id ?? 0,
		flags: AUTHORITATIVE_ANSWER | ((query.flags ?? 0) & 0x0100) | (exists ? 0 : NO_SUCH_NAME),
		questions,
		answers,
		authorities: answers.length === 0 ? [ZONE_AUTHORITY] : [],
	};
}

/** Tells how long "no such name" may be remembered: hardly at all, a Service may appear any moment. */
const ZONE_AUTHORITY: Answer = {
	type: "SOA",
	name: CLUSTER_DOMAIN,
	ttl: 1,
	data: {
		mname: `ns.dns.${CLUSTER_DOMAIN}`,
		rname: `hostmaster.${CLUSTER_DOMAIN}`,
		serial: 1,
		refresh: 7200,
		retry: 1800,
		expire: 86_400,
		minimum: 1,
	},
};
