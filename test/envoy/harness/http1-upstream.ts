import type { Socket } from "node:net";
import { ByteQueue } from "./byte-queue.ts";
import { pause } from "./client-socket.ts";
import {
	bodyBytes,
	bodyText,
	fieldsOf,
	fieldValue,
	formatChunk,
	formatFields,
	framingOf,
	type Http1Head,
	type Http1Message,
	readBody,
	readHead,
} from "./http1-message.ts";
import type { Answer, TlsSeen, UpstreamBook, UpstreamRequest } from "./upstream.ts";

/** Serves one connection of an HTTP/1 upstream until it ends. */
export async function serveHttp1(socket: Socket, book: UpstreamBook, tls: TlsSeen | undefined): Promise<void> {
	const queue = new ByteQueue();
	let ended = false;
	const end = () => {
		ended = true;
		queue.end();
	};
	socket.on("data", (bytes) => queue.push(bytes));
	socket.on("end", end);
	socket.on("error", end);
	socket.on("close", end);
	for (;;) {
		const head = await readHead(queue);
		if (!head) break;
		const answer = book.nextAnswer();
		const request = book.note(socket, noteOf(head, tls));
		const framing = framingOf(head, "request");
		const body = readBody(queue, head, framing).then((message) => fill(request, message));
		if (!answer.early) {
			if (/100-continue/i.test(fieldValue(head.headers, "expect") ?? "")) socket.write("HTTP/1.1 100 Continue\r\n\r\n");
			await body;
		}
		const goesOn = await reply(socket, answer, { book, request, queue, ended: () => ended });
		if (!goesOn) break;
		await body;
	}
	socket.end();
}

function noteOf({ line, headers }: Http1Head, tls: TlsSeen | undefined): Omit<UpstreamRequest, "connection"> {
	return { protocol: "http1", line, headers, body: "", whole: false, cut: false, tls };
}

function fill(request: UpstreamRequest, { framing, body, trailers, whole }: Http1Message): void {
	Object.assign(request, { framing, body, trailers, whole });
}

interface Exchange {
	readonly book: UpstreamBook;
	readonly request: UpstreamRequest;
	readonly queue: ByteQueue;
	readonly ended: () => boolean;
}

/** True when the connection takes another request. */
async function reply(socket: Socket, answer: Answer, exchange: Exchange): Promise<boolean> {
	for (const { status, headers } of answer.informational ?? [])
		socket.write(`HTTP/1.1 ${status} Informational\r\n${formatFields(fieldsOf(headers))}\r\n`);
	if (answer.delayMs) await pauseOrEnd(answer.delayMs, exchange);
	if (exchange.ended()) {
		exchange.request.cut = true;
		return false;
	}
	if (answer.raw !== undefined)
		socket.write(typeof answer.raw === "string" ? Buffer.from(answer.raw, "latin1") : answer.raw);
	else if (answer.finish !== "hang" || answer.status !== undefined) {
		await writeAnswer(socket, answer, exchange);
	}
	if (answer.tunnel) return tunnel(socket, exchange);
	if (answer.finish === "close" || answer.framing === "until-close") return false;
	if (answer.finish === "reset") {
		// What was written must arrive before the reset does.
		await pause(10);
		socket.resetAndDestroy();
		return false;
	}
	if (answer.finish === "hang") {
		while (!exchange.ended()) await pause(5);
		exchange.request.cut = true;
		return false;
	}
	return !exchange.ended();
}

async function writeAnswer(socket: Socket, answer: Answer, { book, request }: Exchange): Promise<void> {
	const { status = 200, bodyDelayMs = 0 } = answer;
	const trailers = fieldsOf(answer.trailers);
	const framing = answer.framing ?? (trailers.length > 0 ? "chunked" : "length");
	const headers = fieldsOf(answer.headers);
	const bodiless = status === 204 || status === 304 || status < 200 || answer.tunnel;
	const bytes = bodiless ? Buffer.alloc(0) : bodyBytes(answer.body ?? book.name);
	const has = (name: string) => headers.some(([one]) => one.toLowerCase() === name);
	const more: [string, string][] = [];
	if (framing === "chunked") more.push(["transfer-encoding", "chunked"]);
	else if (framing === "length" && !bodiless && !has("content-length"))
		more.push(["content-length", String(bytes.length)]);
	const head = Buffer.from(
		`HTTP/1.1 ${status} ${REASONS[status] ?? "Some"}\r\n${formatFields([...headers, ...more])}\r\n`,
		"latin1",
	);
	const body = /^HEAD /.test(request.line ?? "") ? Buffer.alloc(0) : encode(bytes, framing, trailers);
	if (bodyDelayMs === 0) {
		socket.write(Buffer.concat([head, body]));
		return;
	}
	socket.write(head);
	await pause(bodyDelayMs);
	socket.write(body);
}

const REASONS: Readonly<Record<number, string>> = { 200: "OK", 101: "Switching Protocols", 503: "Service Unavailable" };

function encode(bytes: Buffer, framing: Answer["framing"], trailers: ReturnType<typeof fieldsOf>): Buffer {
	if (framing !== "chunked") return bytes;
	const end = Buffer.from(`0\r\n${formatFields(trailers)}\r\n`, "latin1");
	return Buffer.concat([...(bytes.length > 0 ? [formatChunk(bytes)] : []), end]);
}

async function tunnel(socket: Socket, { queue, request }: Exchange): Promise<boolean> {
	request.tunnel = "";
	let sent = 0;
	while (!queue.ended) {
		const bytes = queue.left.subarray(sent);
		if (bytes.length > 0) socket.write(bytes);
		sent += bytes.length;
		request.tunnel = bodyText(queue.left);
		await pause(2);
	}
	request.tunnel = bodyText(queue.left);
	return false;
}

async function pauseOrEnd(ms: number, { ended }: Exchange): Promise<void> {
	const until = performance.now() + ms;
	while (performance.now() < until && !ended()) await pause(Math.min(5, Math.max(1, until - performance.now())));
}
