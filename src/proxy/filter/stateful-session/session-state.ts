import { BinaryReader, BinaryWriter, base64Decode, base64Encode, WireType } from "@bufbuild/protobuf/wire";
import { type Any, durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import {
	type CookieBasedSessionState,
	CookieBasedSessionStateSchema,
} from "../../../xds/generated/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.ts";
import { HeaderBasedSessionStateSchema } from "../../../xds/generated/envoy/extensions/http/stateful_session/header/v3/header_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead } from "../../http/message.ts";
import { cookieTail, readCookie } from "../../router/action/cookie.ts";
import type { ProblemList } from "../../router/problem-list.ts";

/** Where a client keeps the endpoint that it belongs to. Times are wall clock seconds. */
export interface SessionState {
	/** False: requests of this path have no session. */
	covers(path: string): boolean;
	/** `ip:port` that the client brought; undefined: none, or out of date. */
	read(request: RequestHead, nowSeconds: number): string | undefined;
	/** Tells the client its endpoint. */
	write(headers: HeaderMap, address: string, nowSeconds: number): void;
}

/** Reads `session_state.typed_config`: by cookie or by header. */
export function parseSessionState(
	any: Any | undefined,
	at: FieldPath,
	problems: ProblemList,
): SessionState | undefined {
	const cookie = unpackAs(any, CookieBasedSessionStateSchema);
	if (cookie) return cookieState(cookie, at, problems);
	const header = unpackAs(any, HeaderBasedSessionStateSchema);
	if (header) return headerState(header.name, at, problems);
	problems.notImplemented(at, `the session state ${any?.typeUrl || "without a type"}`);
	return undefined;
}

function headerState(name: string, at: FieldPath, problems: ProblemList): SessionState {
	if (name === "") problems.add("missing", at.field("name"), "the header has no name");
	const lower = name.toLowerCase();
	return {
		covers: () => true,
		read: (request) => decodeText(request.headers.get(lower)) || undefined,
		write: (headers, address) => headers.set(lower, encodeText(address)),
	};
}

function cookieState({ cookie }: CookieBasedSessionState, at: FieldPath, problems: ProblemList): SessionState {
	const name = cookie?.name ?? "";
	if (name === "") problems.add("missing", at.field("cookie").field("name"), "the cookie has no name");
	const ttlMs = cookie?.ttl ? durationMs(cookie.ttl) : 0;
	if (ttlMs < 0) problems.add("invalid", at.field("cookie").field("ttl"), "the time to live is negative");
	const path = cookie?.path ?? "";
	const tail = cookieTail({ ttlMs, path, attributes: cookie?.attributes ?? [] });
	const ttlSeconds = Math.floor(ttlMs / 1000);
	return {
		covers: pathTest(path),
		read: (request, nowSeconds) => readSession(readCookie(request, name), nowSeconds),
		write(headers, address, nowSeconds) {
			const expires = ttlSeconds > 0 ? Math.floor(nowSeconds) + ttlSeconds : 0;
			headers.append("set-cookie", `${name}="${encodeSession(address, expires)}"${tail}`);
		},
	};
}

/** `/foo/` covers what is below it; `/foo` itself, what is below it, and its queries. */
function pathTest(path: string): (requestPath: string) => boolean {
	if (path === "" || path === "/") return () => true;
	if (path.endsWith("/")) return (requestPath) => requestPath.startsWith(path);
	return (requestPath) =>
		requestPath.startsWith(path) &&
		(requestPath.length === path.length || "/?#".includes(requestPath.charAt(path.length)));
}

const ADDRESS = 1;
const EXPIRES = 2;

/** Envoy's `envoy.Cookie` message (address, expiry in seconds or 0) in base64. */
function encodeSession(address: string, expires: number): string {
	const writer = new BinaryWriter().tag(ADDRESS, WireType.LengthDelimited).string(address);
	if (expires > 0) writer.tag(EXPIRES, WireType.Varint).uint64(expires);
	return base64Encode(writer.finish());
}

/** Also takes the older form, an address in base64. */
function readSession(value: string | undefined, nowSeconds: number): string | undefined {
	const bytes = decodeBytes(value);
	if (!bytes) return undefined;
	const session = decodeSession(bytes);
	if (!session) return latin1(bytes) || undefined;
	if (session.expires !== 0 && nowSeconds > session.expires) return undefined;
	return session.address || undefined;
}

/** Undefined when the bytes are no such message. */
function decodeSession(bytes: Uint8Array): { address: string; expires: number } | undefined {
	const session = { address: "", expires: 0 };
	try {
		const reader = new BinaryReader(bytes);
		while (reader.pos < reader.len) {
			const [field, wireType] = reader.tag();
			if (field === ADDRESS && wireType === WireType.LengthDelimited) session.address = reader.string();
			else if (field === EXPIRES && wireType === WireType.Varint) session.expires = Number(reader.uint64());
			else reader.skip(wireType, field);
		}
	} catch {
		// Whatever a client wrote there: not this form.
		return undefined;
	}
	return session;
}

function encodeText(text: string): string {
	return base64Encode(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

function decodeText(value: string | undefined): string {
	return latin1(decodeBytes(value) ?? new Uint8Array());
}

function decodeBytes(value: string | undefined): Uint8Array | undefined {
	if (value === undefined || value === "") return undefined;
	try {
		return base64Decode(value);
	} catch {
		// Not base64: the client brought no session.
		return undefined;
	}
}

function latin1(bytes: Uint8Array): string {
	let text = "";
	for (const byte of bytes) text += String.fromCharCode(byte);
	return text;
}
