import type { RequestHead, ResponseHead } from "../../http/message.ts";
import { FIELD } from "../hpack/hpack-field.ts";
import type { FieldSection } from "./field-section.ts";

/** A request as HTTP/2 brought it. */
export interface Http2Request {
	readonly head: RequestHead;
	/** Protocol of an extended CONNECT (RFC 8441), which is shown as the HTTP/1 upgrade it stands for; "" otherwise. */
	readonly upgrade: string;
	/** Bits of `SEEN`. */
	readonly seen: number;
	/** Declared body length; -1 when not told. */
	readonly contentLength: number;
}

/**
 * The request of a decoded block, or why it is malformed (RFC 9113 8.3.1, 8.5; RFC 8441 4). An extended CONNECT is translated as Envoy does
 * (`transformUpgradeRequestFromH2toH1`): GET with `connection: upgrade` and `upgrade`.
 */
export function readRequest(section: FieldSection, allowConnect: boolean): Http2Request | string {
	if (section.malformed !== "") return section.malformed;
	if (section.has(FIELD.status)) return ":status in a request";
	if (!section.has(FIELD.method) || section.method === "") return "no :method";
	const extended = section.has(FIELD.protocol);
	if (extended && !(allowConnect && section.method === "CONNECT")) return ":protocol not allowed";
	const authority = section.has(FIELD.authority) ? section.authority : section.host;
	if (authority !== undefined && !isAuthority(authority)) return "invalid authority";
	if (section.method === "CONNECT" && !extended) return readConnect(section, authority);
	const wrong = checkTarget(section);
	return wrong === "" ? readOrdinary(section, authority ?? "", extended) : wrong;
}

function readOrdinary(section: FieldSection, authority: string, extended: boolean): Http2Request {
	const { headers, path, seen, contentLength } = section;
	const scheme = section.scheme === "https" ? "https" : "http";
	const method = extended ? "GET" : section.method;
	if (extended) {
		headers.append("upgrade", section.protocol);
		headers.append("connection", "upgrade");
	}
	const head: RequestHead = { method, path, authority, scheme, protocol: "HTTP/2", headers };
	return { head, upgrade: extended ? section.protocol.toLowerCase() : "", seen, contentLength };
}

function readConnect(section: FieldSection, authority: string | undefined): Http2Request | string {
	if (section.has(FIELD.scheme) || section.has(FIELD.path)) return ":scheme or :path in CONNECT";
	if (authority === undefined || authority === "") return "CONNECT without authority";
	const { headers, seen, contentLength } = section;
	const head: RequestHead = { method: "CONNECT", path: "", authority, scheme: "http", protocol: "HTTP/2", headers };
	return { head, upgrade: "connect", seen, contentLength };
}

function checkTarget(section: FieldSection): string {
	if (!section.has(FIELD.scheme) || !section.has(FIELD.path)) return "no :scheme or :path";
	const { method, path } = section;
	if (path.charCodeAt(0) !== 47) return path === "*" && method === "OPTIONS" ? "" : "invalid :path";
	for (let i = 1; i < path.length; i++) {
		const c = path.charCodeAt(i);
		if (c < 33 || c === 127) return "invalid :path";
	}
	return "";
}

/** As in HTTP/1 (codec/request-parser.ts): no user info, no path, no blanks. */
function isAuthority(text: string): boolean {
	for (let i = 0; i < text.length; i++) {
		const c = text.charCodeAt(i);
		if (c < 33 || c > 126 || c === 47 || c === 63 || c === 64 || c === 35 || c === 92 || c === 44) return false;
	}
	return true;
}

/** The response of a decoded block, or why it is malformed (RFC 9113 8.3.2). */
export function readResponse(section: FieldSection): ResponseHead | string {
	if (section.malformed !== "") return section.malformed;
	if (section.has(FIELD.method) || section.has(FIELD.path) || section.has(FIELD.scheme) || section.has(FIELD.authority))
		return "request pseudo field in a response";
	const { status, headers } = section;
	if (!section.has(FIELD.status) || status.length !== 3) return "no valid :status";
	const code = Number(status);
	if (!(code >= 100 && code <= 999) || code === 101) return "no valid :status";
	// Not forbidden, and of no meaning in a response.
	if (section.host !== undefined) headers.append("host", section.host);
	return { status: code, headers };
}

/** Why fields may not be trailers (RFC 9113 8.1); "" when they may. */
export function checkTrailers(section: FieldSection): string {
	if (section.malformed !== "") return section.malformed;
	return section.hasPseudo ? "pseudo field in trailers" : "";
}
