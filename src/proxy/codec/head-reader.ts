import { HeaderMap } from "../http/header-map.ts";
import { CODEC_ERRORS, type CodecError } from "./codec-error.ts";
import { FieldMemory, type Fields } from "./field-memory.ts";
import { knownName, SEEN } from "./known-names.ts";

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
const LF = 10;
const CR = 13;
const DEL = 127;

/** What a start line may be: looked at before the fields behind it have come, since what is no HTTP at all may never end a head. */
export interface StartLineRules {
	refuseFirst(char: number): CodecError | undefined;
	refuseLine(line: string): CodecError | undefined;
}

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
 * Messages of a connection often have the very fields of the one before: then they are compared, not parsed.
 */
export class HeadReader {
	/** Without CRLF; undefined for a trailer section, which has none. */
	startLine = "";
	headers = new HeaderMap();
	/** Bits of `SEEN`. */
	seen = 0;
	/** The first Host field of a head that is read with `hostApart`, and how many there are; it is not among `headers`. */
	host = "";
	hosts = 0;
	error: CodecError | undefined = undefined;
	/** Of the current head: its fields as Envoy counts them (name, value and three more each). */
	fieldBytes = 0;
	readonly #limits: HeadLimits;
	/** Undefined for a trailer section. */
	readonly #startRules: StartLineRules | undefined;
	readonly #hostApart: boolean;
	#carry = "";
	#bytes = 0;
	readonly #memory = new FieldMemory();

	constructor(limits: HeadLimits, startRules: StartLineRules | undefined, hostApart = false) {
		this.#limits = limits;
		this.#startRules = startRules;
		this.#hostApart = hostApart;
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
		this.hosts = 0;
		this.#carry = "";
		this.#bytes = 0;
		this.#memory.next();
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
		if (!this.#startRules || this.startLine !== "") return this.#readFields(text, 0);
		const fields = this.#readStartLine(text, this.#startRules);
		if (fields < 0) return -1;
		const repeated = this.#memory.repeatedLength(text, fields);
		if (repeated > 0) {
			this.#take(this.#memory.recall());
			return fields + repeated;
		}
		const behind = this.#readFields(text, fields);
		if (behind >= 0 && this.#memory.keeps) this.#memory.keep(text, fields, behind, this);
		return behind;
	}

	#take({ headers, seen, host, hosts, fieldBytes }: Fields): void {
		this.headers = headers;
		this.seen = seen;
		this.host = host;
		this.hosts = hosts;
		this.fieldBytes = fieldBytes;
	}

	/** Position behind the start line, or -1. Empty lines before it are passed over (RFC 9112 2.2). */
	#readStartLine(text: string, rules: StartLineRules): number {
		let line = 0;
		for (;;) {
			const first = text.charCodeAt(line);
			const refused = line < text.length && first !== CR && first !== LF && rules.refuseFirst(first);
			if (refused) return this.#refuse(refused);
			const lf = text.indexOf("\n", line);
			if (lf < 0) break;
			const cr = lf - 1;
			if (cr < line || text.charCodeAt(cr) !== CR) return this.#refuse(CODEC_ERRORS.bareLineFeed);
			if (cr > line) return this.#acceptStartLine(text.slice(line, cr), rules) ? lf + 1 : -1;
			line = lf + 1;
		}
		this.#carry = text.slice(line);
		return -1;
	}

	#acceptStartLine(line: string, rules: StartLineRules): boolean {
		this.startLine = line;
		this.error = rules.refuseLine(line);
		return this.error === undefined;
	}

	/** Position behind the empty line, or -1. */
	#readFields(text: string, from: number): number {
		let line = from;
		for (let lf = text.indexOf("\n", line); lf >= 0; lf = text.indexOf("\n", line)) {
			const cr = lf - 1;
			if (cr < line || text.charCodeAt(cr) !== CR) return this.#refuse(CODEC_ERRORS.bareLineFeed);
			if (cr === line) return lf + 1;
			if (!this.#readField(text, line, cr)) return -1;
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
		return this.#add(text.slice(from, colon), text.slice(start, end));
	}

	#add(rawName: string, value: string): boolean {
		if (this.headers.size + this.hosts >= this.#limits.maxFields) {
			this.error = CODEC_ERRORS.tooManyFields;
			return false;
		}
		const { name, bit } = knownName(rawName);
		this.seen |= bit;
		this.fieldBytes += rawName.length + value.length + 3;
		if (this.#limits.keepsCase) this.#keepCase(name, rawName);
		if (this.#hostApart && bit === SEEN.host) {
			if (this.hosts++ === 0) this.host = value;
		} else this.headers.append(name, value);
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
