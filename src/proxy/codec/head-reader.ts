import { HeaderMap } from "../http/header-map.ts";
import { CODEC_ERRORS, type CodecError } from "./codec-error.ts";
import { knownName } from "./known-names.ts";

/** Envoy's defaults: max_request_headers_kb 60, max_headers_count 100. */
export interface HeadLimits {
	readonly maxHeadBytes: number;
	readonly maxFields: number;
	/** Names are remembered as they came. */
	readonly keepsCase?: boolean;
}

export const DEFAULT_HEAD_LIMITS: HeadLimits = { maxHeadBytes: 60 * 1024, maxFields: 100 };

/** Bytes decoded at a time: most heads fit, and the body behind a head is not decoded with it. */
const DECODE_BYTES = 8192;
const COLON = 58;
const SPACE = 32;
const TAB = 9;
const CR = 13;
const DEL = 127;

/** 1 for the characters of a token (RFC 9110 5.6.2). */
const TOKEN = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	TOKEN[c.charCodeAt(0)] = 1;

/** True when `text` is a token: a method or field name. */
export function isToken(text: string): boolean {
	for (let i = 0; i < text.length; i++) if (TOKEN[text.charCodeAt(i)] !== 1) return false;
	return text.length > 0;
}

/**
 * Reads a start line and field lines up to the empty line, in however many pieces the bytes come. Only whole lines are looked at, so
 * the result does not depend on the pieces; lines end with CRLF and nothing else (RFC 9112 2.2 allows to refuse a bare LF).
 */
export class HeadReader {
	/** Without CRLF; undefined for a trailer section, which has none. */
	startLine = "";
	headers = new HeaderMap();
	/** Bits of `SEEN`. */
	seen = 0;
	error: CodecError | undefined = undefined;
	/** Of the current head: its fields as Envoy counts them (name, value and three more each). */
	fieldBytes = 0;
	readonly #limits: HeadLimits;
	#hasStartLine: boolean;
	#carry = "";
	#bytes = 0;

	constructor(limits: HeadLimits, hasStartLine: boolean) {
		this.#limits = limits;
		this.#hasStartLine = hasStartLine;
	}

	/** True once the first byte of a head has come. */
	get started(): boolean {
		return this.#bytes > 0;
	}

	reset(): void {
		this.startLine = "";
		this.headers = new HeaderMap();
		this.seen = 0;
		this.fieldBytes = 0;
		this.#carry = "";
		this.#bytes = 0;
	}

	/** Returns the position behind the head, or -1: more bytes are needed, or `error` is set. */
	read(buf: Buffer, start: number, end: number): number {
		for (let at = start; at < end; at += DECODE_BYTES) {
			const piece = buf.toString("latin1", at, Math.min(end, at + DECODE_BYTES));
			const behind = this.#readPiece(piece);
			if (behind >= 0) return at + behind;
			if (this.error) return -1;
		}
		return -1;
	}

	/** Position in `piece` behind the head, or -1. */
	#readPiece(piece: string): number {
		const carried = this.#carry.length;
		this.#bytes += piece.length;
		if (carried > 0 && piece.indexOf("\n") < 0) {
			this.#carry += piece;
			return this.#checkSize(this.#bytes);
		}
		const text = carried > 0 ? this.#carry + piece : piece;
		const behind = this.#readLines(text);
		if (this.error) return -1;
		if (behind < 0) return this.#checkSize(this.#bytes);
		return this.#checkSize(this.#bytes - (text.length - behind), behind - carried);
	}

	/** Reads the whole lines of `text` and carries the rest; position behind the empty line, or -1. */
	#readLines(text: string): number {
		let line = 0;
		for (let lf = text.indexOf("\n"); lf >= 0; lf = text.indexOf("\n", line)) {
			const cr = lf - 1;
			if (cr < line || text.charCodeAt(cr) !== CR) return this.#refuse(CODEC_ERRORS.bareLineFeed);
			const wantsStartLine = this.startLine === "" && this.#hasStartLine;
			// An empty line before the start line is passed over (RFC 9112 2.2).
			if (cr === line && !wantsStartLine) return lf + 1;
			if (wantsStartLine) this.startLine = text.slice(line, cr);
			else if (!this.#readField(text, line, cr)) return -1;
			line = lf + 1;
		}
		this.#carry = line === 0 ? text : text.slice(line);
		return -1;
	}

	#checkSize(bytes: number, otherwise = -1): number {
		return bytes > this.#limits.maxHeadBytes ? this.#refuse(CODEC_ERRORS.headTooLarge) : otherwise;
	}

	#refuse(error: CodecError): -1 {
		this.error = error;
		return -1;
	}

	#keepCase(lower: string, name: string): void {
		this.headers.casing ??= new Map();
		if (!this.headers.casing.has(lower)) this.headers.casing.set(lower, name);
	}

	#readField(text: string, from: number, to: number): boolean {
		let colon = from;
		while (TOKEN[text.charCodeAt(colon)] === 1) colon++;
		if (colon === from || text.charCodeAt(colon) !== COLON) {
			const first = text.charCodeAt(from);
			this.error = first === SPACE || first === TAB ? CODEC_ERRORS.foldedField : CODEC_ERRORS.fieldName;
			return false;
		}
		let start = colon + 1;
		while (start < to && isBlank(text.charCodeAt(start))) start++;
		let end = to;
		while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
		if (!isFieldValue(text, start, end)) {
			this.error = CODEC_ERRORS.fieldValue;
			return false;
		}
		if (this.headers.size >= this.#limits.maxFields) {
			this.error = CODEC_ERRORS.tooManyFields;
			return false;
		}
		const name = text.slice(from, colon);
		const known = knownName(name);
		if (this.#limits.keepsCase) this.#keepCase(known.name, name);
		this.seen |= known.bit;
		this.fieldBytes += name.length + end - start + 3;
		this.headers.append(known.name, text.slice(start, end));
		return true;
	}
}

function isFieldValue(text: string, start: number, end: number): boolean {
	for (let i = start; i < end; i++) {
		const c = text.charCodeAt(i);
		if ((c < SPACE && c !== TAB) || c === DEL) return false;
	}
	return true;
}

function isBlank(c: number): boolean {
	return c === SPACE || c === TAB;
}
