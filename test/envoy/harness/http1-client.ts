import { type ClientSocket, type ConnectionEnd, openSocket, pause, within } from "./client-socket.ts";
import type { Http1Conversation, Piece, Request } from "./conversation.ts";
import {
	bodyBytes,
	fieldsOf,
	fieldValue,
	formatChunk,
	formatFields,
	framingOf,
	type Http1Message,
	readBody,
	readHead,
} from "./http1-message.ts";

/** What a client of HTTP/1 saw on one connection. */
export interface Http1Seen {
	/** Informational ones too. */
	readonly answers: readonly Http1Message[];
	/** What came back through a tunnel, or bytes that belong to no answer. */
	readonly rest: string;
	readonly connection: ConnectionEnd | "no answer";
}

const SETTLE_MS = 15;
const SETTLE_CLOSE_MS = 400;
const WITHIN_MS = 3000;

export async function talkHttp1(script: Http1Conversation, port: number): Promise<Http1Seen> {
	const client = await openSocket(port, script.tls);
	try {
		return await new Http1Talk(script, client).run();
	} finally {
		client.destroy();
	}
}

class Http1Talk {
	readonly #script: Http1Conversation;
	readonly #client: ClientSocket;
	readonly #answers: Http1Message[] = [];
	/** Methods whose final answer has not come. */
	readonly #methods: string[] = [];
	#finals = 0;
	#informational = 0;
	#switched = false;
	#progress: (() => void) | undefined;
	#readingEnded = false;

	constructor(script: Http1Conversation, client: ClientSocket) {
		this.#script = script;
		this.#client = client;
	}

	async run(): Promise<Http1Seen> {
		const { send, pipelined, end, tunnel, settleMs } = this.#script;
		const pieces: readonly Piece[] = Array.isArray(send) ? send : [send as Piece];
		const reading = this.#read();
		let requests = 0;
		let answered = true;
		for (const piece of pieces) {
			if (isRequest(piece)) requests++;
			answered = await this.#send(piece, requests);
			if (!answered) break;
			if (isRequest(piece) && !pipelined && end === undefined) answered = await this.#answersCome(requests);
		}
		if (end === "half-close") this.#client.socket.end();
		if (end === "hang-up" || end === "reset") return this.#leave(end);
		const expected = this.#script.expect ?? Math.max(requests, 1);
		const all = answered && (await this.#answersCome(expected));
		if (tunnel !== undefined && this.#switched) this.#client.write(tunnel);
		const mayClose = this.#switched || this.#saysClose();
		let connection = await this.#client.settle(settleMs ?? (mayClose && !this.#switched ? SETTLE_CLOSE_MS : SETTLE_MS));
		this.#client.destroy();
		await reading;
		// Who still sends when the other side has said that it ends may be told so by a RST.
		if (connection === "reset" && this.#saysClose()) connection = "closed";
		const none = !all && connection === "open";
		const rest = this.#client.received.left.toString("latin1");
		return { answers: this.#answers, rest, connection: none ? "no answer" : connection };
	}

	#leave(how: "hang-up" | "reset"): Http1Seen {
		if (how === "reset") this.#client.socket.resetAndDestroy();
		else this.#client.socket.destroy();
		return { answers: [], rest: "", connection: "closed" };
	}

	async #send(piece: Piece, requests: number): Promise<boolean> {
		if (typeof piece === "string" || Buffer.isBuffer(piece)) {
			const method = /^([A-Z-]+) /.exec(piece.toString("latin1"))?.[1];
			if (method) this.#methods.push(method);
			this.#client.write(piece);
			return true;
		}
		if ("pauseMs" in piece) {
			await pause(piece.pauseMs);
			return true;
		}
		if ("await" in piece) {
			if (piece.await === "answer") return this.#answersCome(Math.max(requests, this.#finals + 1));
			return this.#comes(() => this.#informational > 0 || this.#finals > 0);
		}
		this.#methods.push(piece.method ?? "GET");
		this.#client.write(formatRequest(piece));
		return true;
	}

	#answersCome(count: number): Promise<boolean> {
		return this.#comes(() => this.#finals >= count);
	}

	async #comes(what: () => boolean): Promise<boolean> {
		const deadline = performance.now() + (this.#script.withinMs ?? WITHIN_MS);
		while (!what()) {
			if (this.#readingEnded) return false;
			const left = deadline - performance.now();
			const progress = new Promise<void>((resolve) => {
				this.#progress = resolve;
			});
			if (left <= 0 || !(await within(left, progress))) return false;
		}
		return true;
	}

	async #read(): Promise<void> {
		const queue = this.#client.received;
		while (!this.#switched) {
			const head = await readHead(queue);
			if (!head) break;
			const status = Number(/^HTTP\/\d\.\d (\d+)/.exec(head.line)?.[1]);
			const final = status >= 200 || status === 101;
			const method = final ? this.#methods.shift() : this.#methods[0];
			this.#switched = status === 101 || (method === "CONNECT" && status === 200);
			const bodiless = status < 200 || status === 204 || status === 304 || method === "HEAD" || this.#switched;
			this.#answers.push(await readBody(queue, head, framingOf(head, "response", bodiless)));
			if (final) this.#finals++;
			else this.#informational++;
			this.#notify();
		}
		this.#readingEnded = !this.#switched;
		this.#notify();
	}

	#notify(): void {
		const progress = this.#progress;
		this.#progress = undefined;
		progress?.();
	}

	#saysClose(): boolean {
		const last = this.#answers.at(-1);
		return last !== undefined && /close/i.test(fieldValue(last.headers, "connection") ?? "");
	}
}

function isRequest(piece: Piece): piece is Request {
	return typeof piece === "object" && !Buffer.isBuffer(piece) && !("pauseMs" in piece) && !("await" in piece);
}

/** A request in words as bytes. */
export function formatRequest(request: Request): Buffer {
	const { method = "GET", path = "/", version = "1.1", body, chunked } = request;
	const given = fieldsOf(request.headers);
	const trailers = fieldsOf(request.trailers);
	const bytes = body === undefined ? undefined : bodyBytes(body);
	const inChunks = chunked || trailers.length > 0;
	const host = given.some(([name]) => name.toLowerCase() === "host") ? [] : [["Host", "test.local"] as const];
	const framing: [string, string][] = [];
	if (inChunks) framing.push(["Transfer-Encoding", "chunked"]);
	else if (bytes && !given.some(([name]) => name.toLowerCase() === "content-length"))
		framing.push(["Content-Length", String(bytes.length)]);
	const head = `${method} ${path} HTTP/${version}\r\n${formatFields([...host, ...given, ...framing])}\r\n`;
	if (!inChunks) return Buffer.concat([Buffer.from(head, "latin1"), bytes ?? Buffer.alloc(0)]);
	const chunks = bytes && bytes.length > 0 ? [formatChunk(bytes)] : [];
	const end = Buffer.from(`0\r\n${formatFields(trailers)}\r\n`, "latin1");
	return Buffer.concat([Buffer.from(head, "latin1"), ...chunks, end]);
}
