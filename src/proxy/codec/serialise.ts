import type { HeaderCase } from "../http/header-case.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import { recaseHead } from "./header-case.ts";
import { statusLine } from "./status-text.ts";

const BEYOND_LATIN1 = /[\u0100-\uffff]/;

/** A request head in origin form, each character one byte. `extra` holds ready lines (`name: value\r\n`), e.g. the framing. */
export function formatRequestHead(head: RequestHead, extra: string, how: HeaderCase = "lower"): string {
	const target = head.method === "CONNECT" ? head.authority : head.path;
	const start = `${head.method} ${target} HTTP/1.1\r\nhost: ${head.authority}\r\n`;
	return recaseHead(asBytes(`${start}${formatFields(head.headers)}${extra}\r\n`), how, head.headers.casing);
}

/** A response head, each character one byte. */
export function formatResponseHead(head: ResponseHead, extra: string, how: HeaderCase = "lower"): string {
	const text = asBytes(`${statusLine(head.status)}${formatFields(head.headers)}${extra}\r\n`);
	return recaseHead(text, how, head.headers.casing);
}

/** Field lines, each with CRLF. */
export function formatFields(headers: HeaderMap): string {
	const { names, values } = headers;
	let lines = "";
	for (let i = 0; i < names.length; i++) lines += `${names[i]}: ${values[i]}\r\n`;
	return lines;
}

/** The end of a chunked body. */
export function formatLastChunk(trailers: HeaderMap | undefined): string {
	return trailers ? asBytes(`0\r\n${formatFields(trailers)}\r\n`) : "0\r\n\r\n";
}

/**
 * Fields that came over the wire have one character per byte. One that configuration brought in may not: it goes out as UTF-8. (Cut to
 * their low bytes, such characters could turn into line ends.)
 */
function asBytes(text: string): string {
	return BEYOND_LATIN1.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}
