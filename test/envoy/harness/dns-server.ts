import { createSocket, type Socket } from "node:dgram";

/** What a name resolves to: addresses, or a response code. */
export interface DnsEntry {
	readonly a?: readonly string[];
	readonly aaaa?: readonly string[];
	readonly ttlS?: number;
	/** 2 = SERVFAIL, 3 = NXDOMAIN. */
	readonly code?: number;
	/** What is so until `afterMs` behind the name's first query, and what is so then. */
	readonly changes?: { readonly from: DnsEntry; readonly to: DnsEntry; readonly afterMs: number };
	/** Says nothing. */
	readonly silent?: boolean;
}

const TYPE_A = 1;
const TYPE_AAAA = 28;
const RESPONSE = 0x8180;

/** A name server for scenes: answers A and AAAA queries over UDP from a table; names that it does not know do not exist. */
export class DnsServer {
	readonly #table: Readonly<Record<string, DnsEntry>>;
	readonly #socket: Socket = createSocket("udp4");
	/** When a name was asked for first. */
	readonly #asked = new Map<string, number>();

	constructor(table: Readonly<Record<string, DnsEntry>>) {
		this.#table = table;
		this.#socket.on("message", (query, from) => {
			const answer = this.#answer(query);
			if (answer) this.#socket.send(answer, from.port, from.address);
		});
	}

	listen(): Promise<number> {
		return new Promise((resolve) => {
			this.#socket.bind(0, "127.0.0.1", () => resolve(this.#socket.address().port));
			this.#socket.unref();
		});
	}

	close(): void {
		this.#socket.close();
	}

	#answer(query: Buffer): Buffer | undefined {
		const labels: string[] = [];
		let at = 12;
		for (let length = query[at]!; length > 0; length = query[at]!) {
			labels.push(query.toString("latin1", at + 1, at + 1 + length));
			at += length + 1;
		}
		const type = query.readUInt16BE(at + 1);
		const name = labels.join(".").toLowerCase();
		const entry = this.#entry(name);
		if (entry?.silent) return undefined;
		const question = query.subarray(12, at + 5);
		const found = (type === TYPE_A ? entry?.a : type === TYPE_AAAA ? entry?.aaaa : undefined) ?? [];
		const head = Buffer.alloc(12);
		query.copy(head, 0, 0, 2);
		head.writeUInt16BE(RESPONSE | (entry?.code ?? (entry ? 0 : 3)), 2);
		head.writeUInt16BE(1, 4);
		head.writeUInt16BE(found.length, 6);
		return Buffer.concat([head, question, ...found.map((address) => record(type, address, entry?.ttlS ?? 60))]);
	}

	#entry(name: string): DnsEntry | undefined {
		const entry = this.#table[name];
		if (!entry?.changes) return entry;
		const { from, to, afterMs } = entry.changes;
		const now = performance.now();
		const first = this.#asked.get(name) ?? now;
		this.#asked.set(name, first);
		return now - first < afterMs ? from : to;
	}
}

function record(type: number, address: string, ttlS: number): Buffer {
	const data = type === TYPE_A ? Buffer.from(address.split(".").map(Number)) : ip6(address);
	const head = Buffer.alloc(12);
	// The name is the question's.
	head.writeUInt16BE(0xc00c, 0);
	head.writeUInt16BE(type, 2);
	head.writeUInt16BE(1, 4);
	head.writeUInt32BE(ttlS, 6);
	head.writeUInt16BE(data.length, 10);
	return Buffer.concat([head, data]);
}

function ip6(address: string): Buffer {
	const [left = "", right] = address.split("::");
	const groups = (text: string) => (text === "" ? [] : text.split(":"));
	const [before, after] = [groups(left), groups(right ?? "")];
	const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
	const bytes = Buffer.alloc(16);
	for (const [i, group] of [...before, ...zeros, ...after].entries())
		bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i);
	return bytes;
}
