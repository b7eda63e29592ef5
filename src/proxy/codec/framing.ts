import type { HeaderMap } from "../http/header-map.ts";
import { CODEC_ERRORS, type CodecError } from "./codec-error.ts";
import { isToken } from "./head-reader.ts";
import { SEEN } from "./known-names.ts";
import { CHUNKED } from "./message-parser.ts";

/** Body length by the head's fields: bytes, CHUNKED, or undefined when no field tells; ambiguity is refused (RFC 9112 6.1, 6.3, 11.2). */
export function bodyLength(headers: HeaderMap, seen: number, http10: boolean): number | CodecError | undefined {
	if ((seen & SEEN.transferEncoding) !== 0) {
		if ((seen & SEEN.contentLength) !== 0) return CODEC_ERRORS.lengthAndEncoding;
		if (http10) return CODEC_ERRORS.encodingInHttp10;
		return headers.getJoined("transfer-encoding")!.toLowerCase() === "chunked"
			? CHUNKED
			: CODEC_ERRORS.transferEncoding;
	}
	if ((seen & SEEN.contentLength) === 0) return undefined;
	// Two equal lengths are refused too: whoever sends them is broken or attacks.
	const text = headers.getJoined("content-length")!;
	return isDigits(text) && text.length <= 15 ? Number(text) : CODEC_ERRORS.contentLength;
}

/** What `Connection` asks for. */
export interface ConnectionOptions {
	readonly close: boolean;
	readonly keepAlive: boolean;
	readonly upgrade: boolean;
	/** Fields that the sender marks as meant for this hop only. */
	readonly nominated: readonly string[];
}

/** More options than this, or one of `PROTECTED`, is an attack on what the proxy itself says (Envoy: sanitizeConnectionHeader). */
const MAX_OPTIONS = 10;
const PROTECTED = new Set(["content-length", "transfer-encoding", "authorization", "cookie"]);

const KEEP_ALIVE: ConnectionOptions = { close: false, keepAlive: true, upgrade: false, nominated: [] };

/** Options of a `Connection` field; refused when it would strip fields that it may not. */
export function parseConnection(value: string): ConnectionOptions | CodecError {
	if (value === "keep-alive") return KEEP_ALIVE;
	const found = { close: false, keepAlive: false, upgrade: false, nominated: [] as string[] };
	const options = value.split(",");
	if (options.length > MAX_OPTIONS) return CODEC_ERRORS.connectionField;
	for (const raw of options) {
		const option = raw.trim().toLowerCase();
		if (option === "close") found.close = true;
		else if (option === "keep-alive") found.keepAlive = true;
		else if (option === "upgrade") found.upgrade = true;
		else if (option !== "") {
			const refused = refuseNominated(option);
			if (refused) return refused;
			found.nominated.push(option);
		}
	}
	return found;
}

function refuseNominated(field: string): CodecError | undefined {
	// Without host there is no request.
	if (field === "host") return CODEC_ERRORS.noHost;
	const harmless = isToken(field) && !PROTECTED.has(field) && !field.startsWith("x-forwarded-");
	return harmless ? undefined : CODEC_ERRORS.connectionField;
}

function isDigits(text: string): boolean {
	for (let i = 0; i < text.length; i++) {
		const c = text.charCodeAt(i);
		if (c < 48 || c > 57) return false;
	}
	return text.length > 0;
}
