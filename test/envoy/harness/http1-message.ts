import { createHash } from "node:crypto";
import type { ByteQueue } from "./byte-queue.ts";

/** Name and value as on the wire, in order. */
export type Fields = readonly (readonly [name: string, value: string])[];

/** A message of HTTP/1 as it was on the wire. */
export interface Http1Message {
	/** Request line or status line. */
	readonly line: string;
	readonly headers: Fields;
	readonly framing: "none" | "length" | "chunked" | "until-close";
	readonly body: string;
	readonly trailers: Fields;
	/** False when the connection ended before the message did. */
	readonly whole: boolean;
}

export interface Http1Head {
	readonly line: string;
	readonly headers: Fields;
}

/** Undefined when the connection ended before the head was whole. Empty lines before it are skipped. */
export async function readHead(queue: ByteQueue): Promise<Http1Head | undefined> {
	let line = await queue.line();
	while (line === "") line = await queue.line();
	if (line === undefined) return undefined;
	const headers = await readFields(queue);
	return headers && { line, headers };
}

/** How a message's body is framed by its head; `bodiless` for answers to HEAD, 204, 304 and 1xx. */
export function framingOf(head: Http1Head, kind: "request" | "response", bodiless = false): Http1Message["framing"] {
	if (bodiless) return "none";
	if (/chunked/i.test(fieldValue(head.headers, "transfer-encoding") ?? "")) return "chunked";
	if (fieldValue(head.headers, "content-length") !== undefined) return "length";
	return kind === "request" ? "none" : "until-close";
}

/** The rest of a message whose head has been read. */
export async function readBody(
	queue: ByteQueue,
	head: Http1Head,
	framing: Http1Message["framing"],
): Promise<Http1Message> {
	const made = (body: Buffer, whole: boolean, trailers: Fields = []): Http1Message => ({
		...head,
		framing,
		body: bodyText(body),
		trailers,
		whole,
	});
	if (framing === "none") return made(Buffer.alloc(0), true);
	if (framing === "until-close") return made(await queue.rest(), true);
	if (framing === "length") {
		const length = Number(fieldValue(head.headers, "content-length"));
		const body = await queue.bytes(length);
		return made(body, body.length === length);
	}
	const pieces: Buffer[] = [];
	for (;;) {
		const line = await queue.line();
		const size = Number.parseInt(line ?? "", 16);
		if (Number.isNaN(size)) return made(Buffer.concat(pieces), false);
		if (size === 0) break;
		const piece = await queue.bytes(size);
		pieces.push(piece);
		if (piece.length < size || (await queue.line()) === undefined) return made(Buffer.concat(pieces), false);
	}
	const trailers = await readFields(queue);
	return made(Buffer.concat(pieces), trailers !== undefined, trailers ?? []);
}

async function readFields(queue: ByteQueue): Promise<Fields | undefined> {
	const fields: (readonly [string, string])[] = [];
	for (;;) {
		const line = await queue.line();
		if (line === undefined) return undefined;
		if (line === "") return fields;
		const colon = line.indexOf(":");
		fields.push(colon < 0 ? [line, "<no colon>"] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")]);
	}
}

export function fieldValue(fields: Fields, name: string): string | undefined {
	return fields.find(([one]) => one.toLowerCase() === name)?.[1];
}

const SHOWN_BYTES = 16_000;

/** A body as text when it is short, else its length and digest. */
export function bodyText(body: Buffer): string {
	if (body.length <= SHOWN_BYTES) return body.toString("latin1");
	const digest = createHash("sha1").update(body).digest("hex").slice(0, 12);
	return `<${body.length} bytes, sha1 ${digest}>`;
}

export function formatFields(fields: Fields): string {
	return fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
}

/** Fields out of what a scene writes: a record, or pairs where order and repetition matter. */
export function fieldsOf(given: Fields | Readonly<Record<string, string>> = []): Fields {
	return Array.isArray(given) ? (given as Fields) : Object.entries(given);
}

/** A short way to write a long body. */
export type BodySpec = string | Buffer | { readonly repeat: string; readonly times: number };

export function bodyBytes(body: BodySpec): Buffer {
	if (Buffer.isBuffer(body)) return body;
	return typeof body === "string" ? Buffer.from(body, "latin1") : Buffer.from(body.repeat.repeat(body.times), "latin1");
}

export function formatChunk(bytes: Buffer): Buffer {
	return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}
