import type { HeaderMap } from "../http/header-map.ts";
import { CODEC_ERRORS, type CodecError } from "./codec-error.ts";
import { type HeadLimits, HeadReader } from "./head-reader.ts";
import { SEEN } from "./known-names.ts";

/** Chunk extensions are skipped; all of a message together may not be longer than this. */
const MAX_EXTENSION_BYTES = 8 * 1024;
/** 2^48 bytes: far from where numbers lose precision. */
const MAX_SIZE_DIGITS = 12;
const CR = 13;
const LF = 10;
const SEMICOLON = 59;

const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILERS = 6;
const DONE = 7;

/** Takes a chunked body apart (RFC 9112 7.1), byte by byte where pieces are small, without keeping body bytes. */
export class ChunkedDecoder {
	error: CodecError | undefined = undefined;
	readonly #limits: HeadLimits;
	#state = SIZE;
	#size = 0;
	#digits = 0;
	#extensionBytes = 0;
	#trailers: HeadReader | undefined = undefined;

	constructor(limits: HeadLimits) {
		this.#limits = limits;
	}

	get done(): boolean {
		return this.#state === DONE;
	}

	/** Undefined when the message has none. */
	get trailers(): HeaderMap | undefined {
		const headers = this.#trailers?.headers;
		return headers !== undefined && headers.size > 0 ? headers : undefined;
	}

	reset(): void {
		this.#state = SIZE;
		this.#size = 0;
		this.#digits = 0;
		this.#extensionBytes = 0;
		this.#trailers = undefined;
	}

	/** Consumes up to the end of the body and returns the position reached; -1 when refused (`error`). */
	decode(buf: Buffer, start: number, end: number, onData: (buf: Buffer, start: number, end: number) => void): number {
		let at = start;
		while (at < end && this.#state !== DONE) {
			if (this.#state === DATA) {
				const stop = Math.min(end, at + this.#size);
				this.#size -= stop - at;
				if (this.#size === 0) this.#state = DATA_CR;
				onData(buf, at, stop);
				at = stop;
			} else if (this.#state === TRAILERS) at = this.#readTrailers(buf, at, end);
			else this.#step(buf[at++]!);
			if (this.error) return -1;
		}
		return at;
	}

	#step(c: number): void {
		switch (this.#state) {
			case SIZE:
				this.#stepSize(c);
				break;
			case EXTENSION:
				this.#stepExtension(c);
				break;
			case SIZE_LF:
				if (c !== LF) this.error = CODEC_ERRORS.chunkSize;
				else this.#state = this.#size === 0 ? TRAILERS : DATA;
				break;
			case DATA_CR:
				if (c !== CR) this.error = CODEC_ERRORS.chunkEnd;
				else this.#state = DATA_LF;
				break;
			default:
				if (c !== LF) this.error = CODEC_ERRORS.chunkEnd;
				else {
					this.#state = SIZE;
					this.#digits = 0;
				}
		}
	}

	#stepExtension(c: number): void {
		if (c === CR) this.#state = SIZE_LF;
		else if ((c < 32 && c !== 9) || c === 127 || ++this.#extensionBytes > MAX_EXTENSION_BYTES)
			this.error = CODEC_ERRORS.chunkExtension;
	}

	#stepSize(c: number): void {
		const digit = hexDigit(c);
		if (digit >= 0) {
			if (++this.#digits > MAX_SIZE_DIGITS) this.error = CODEC_ERRORS.chunkSize;
			this.#size = this.#size * 16 + digit;
		} else if (this.#digits === 0) this.error = CODEC_ERRORS.chunkSize;
		else if (c === CR) this.#state = SIZE_LF;
		else if (c === SEMICOLON) this.#state = EXTENSION;
		else this.error = CODEC_ERRORS.chunkSize;
	}

	#readTrailers(buf: Buffer, at: number, end: number): number {
		this.#trailers ??= new HeadReader(this.#limits, undefined);
		const behind = this.#trailers.read(buf, at, end);
		const refused = this.#trailers.error;
		if (refused) this.error = refused.status === 431 ? CODEC_ERRORS.trailers : refused;
		if (behind < 0) return end;
		const forbidden = SEEN.host | SEEN.contentLength | SEEN.transferEncoding | SEEN.connection | SEEN.expect;
		if ((this.#trailers.seen & forbidden) !== 0) this.error = CODEC_ERRORS.trailerField;
		this.#state = DONE;
		return behind;
	}
}

function hexDigit(c: number): number {
	if (c >= 48 && c <= 57) return c - 48;
	const lower = c | 32;
	return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
