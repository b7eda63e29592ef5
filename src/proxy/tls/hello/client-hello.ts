import { ByteReader } from "./byte-reader.ts";

/** What the first bytes of a connection are. */
export type HelloReading =
	| { readonly kind: "more" }
	/** The client ends TLS before it began (close_notify). */
	| { readonly kind: "goodbye" }
	/** Not TLS, or a ClientHello that no server would take; `reason` in OpenSSL's words. */
	| { readonly kind: "none"; readonly reason: string; readonly bytesRead: number }
	| { readonly kind: "found"; readonly hello: ClientHello; readonly bytesRead: number };

export interface ClientHello {
	/** SNI as the client wrote it; undefined without one. */
	readonly serverName: string | undefined;
	/** ALPN in the client's order; undefined without the extension. */
	readonly protocols: readonly string[] | undefined;
}

const RECORD_HEADER_BYTES = 5;
const ALERT = 21;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const MAX_RECORD_BYTES = 16_384 + 320;
/** A longer ClientHello is refused by TLS servers (BoringSSL: EXCESSIVE_MESSAGE_SIZE). */
const MAX_HELLO_BYTES = 16_384;
const SERVER_NAME = 0;
const ALPN = 16;
const SUPPORTED_VERSIONS = 43;
const TLS_1_0 = 0x0301;

const MORE: HelloReading = { kind: "more" };

/** Reads a ClientHello (RFC 8446 4.1.2) that may be spread over several records (5.1); `bytes` is everything since the connection began. */
export function readClientHello(bytes: Buffer): HelloReading {
	let message: Buffer = Buffer.alloc(0);
	for (let at = 0; ; ) {
		const end = recordEnd(bytes, at);
		if (typeof end !== "number") return end;
		const piece = bytes.subarray(at + RECORD_HEADER_BYTES, end);
		message = message.length === 0 ? piece : Buffer.concat([message, piece]);
		at = end;
		const reading = readMessage(message, at);
		if (reading) return reading;
	}
}

/** Where the handshake record at `at` ends, or why there is none yet or at all. */
function recordEnd(bytes: Buffer, at: number): number | HelloReading {
	if (bytes.length - at < RECORD_HEADER_BYTES) return MORE;
	const problem = recordProblem(bytes, at);
	if (problem !== undefined) return none(problem, at + RECORD_HEADER_BYTES);
	const end = at + RECORD_HEADER_BYTES + bytes.readUInt16BE(at + 3);
	if (bytes.length < end) return MORE;
	if (bytes[at] === HANDSHAKE) return end;
	const closes = bytes[at] === ALERT && bytes[end - 2] === 1 && bytes[end - 1] === 0;
	return closes ? { kind: "goodbye" } : none("UNEXPECTED_RECORD", end);
}

/** Undefined: the message goes on in the next record. */
function readMessage(message: Buffer, bytesRead: number): HelloReading | undefined {
	if (message.length < 4) return undefined;
	if (message[0] !== CLIENT_HELLO) return none("UNEXPECTED_MESSAGE", bytesRead);
	const size = message.readUIntBE(1, 3);
	if (size > MAX_HELLO_BYTES) return none("EXCESSIVE_MESSAGE_SIZE", bytesRead);
	if (message.length < 4 + size) return undefined;
	const hello = parseClientHello(new ByteReader(message, 4, 4 + size));
	return typeof hello === "string" ? none(hello, bytesRead) : { kind: "found", hello, bytesRead };
}

function recordProblem(bytes: Buffer, at: number): string | undefined {
	if (at === 0) {
		const start = bytes.toString("latin1", 0, RECORD_HEADER_BYTES);
		if (/^(?:GET |POST |HEAD |PUT )/.test(start)) return "HTTP_REQUEST";
		if (start === "CONNE") return "HTTPS_PROXY_REQUEST";
	}
	if (bytes[at + 1] !== 3) return "WRONG_VERSION_NUMBER";
	return bytes.readUInt16BE(at + 3) > MAX_RECORD_BYTES ? "ENCRYPTED_LENGTH_TOO_LONG" : undefined;
}

function none(reason: string, bytesRead: number): HelloReading {
	return { kind: "none", reason, bytesRead };
}

function parseClientHello(reader: ByteReader): ClientHello | string {
	let version = reader.number(2);
	reader.bytes(32); // random
	reader.part(1); // session id
	const ciphers = reader.part(2);
	const compressions = reader.part(1);
	if (reader.broken || ciphers.left < 2 || ciphers.left % 2 !== 0 || compressions.left < 1) return "DECODE_ERROR";
	const extensions = new Map<number, ByteReader>();
	if (reader.left > 0) {
		const list = reader.part(2);
		while (!list.broken && list.left > 0) extensions.set(list.number(2), list.part(2));
		if (list.broken || reader.broken || reader.left > 0) return "DECODE_ERROR";
	}
	const versions = extensions.get(SUPPORTED_VERSIONS)?.part(1);
	while (versions && versions.left >= 2) version = Math.max(version, versions.number(2));
	if (version < TLS_1_0) return "UNSUPPORTED_PROTOCOL";
	const serverName = readServerName(extensions.get(SERVER_NAME));
	if (serverName === null) return "PARSE_TLSEXT";
	return { serverName, protocols: readProtocols(extensions.get(ALPN)) };
}

/** RFC 6066 3: a list that holds one host name; null when it is broken. */
function readServerName(extension: ByteReader | undefined): string | undefined | null {
	if (!extension) return undefined;
	const list = extension.part(2);
	const type = list.number(1);
	const name = list.part(2);
	if (list.broken || list.left > 0 || extension.left > 0 || type !== 0) return null;
	if (name.left === 0 || name.left > 255) return null;
	const text = name.text();
	return text.includes("\0") ? null : text;
}

/** RFC 7301 3.1. A broken list counts as none: the handshake itself will tell. */
function readProtocols(extension: ByteReader | undefined): string[] | undefined {
	const list = extension?.part(2);
	if (!list || list.broken || extension!.left > 0) return undefined;
	const protocols: string[] = [];
	while (list.left > 0) {
		const name = list.part(1);
		if (list.broken || name.left === 0) return undefined;
		protocols.push(name.text());
	}
	return protocols.length > 0 ? protocols : undefined;
}
