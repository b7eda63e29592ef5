import { CLIENT_PREFACE, DEFAULT_MAX_FRAME_BYTES, ERROR_CODE, FLAG, FRAME, FRAME_HEADER_BYTES } from "./frame.ts";

/** Takes frames in order; `buf` is valid during the call only. Returning false stops the reader for good. */
export interface FrameSink {
	/** The client's preface has come whole. */
	onPreface(): void;
	/** It is not what it should be. */
	onBadPreface(): void;
	/** A whole frame other than DATA. */
	onFrame(type: number, flags: number, streamId: number, payload: FramePayload): boolean;
	/** A DATA frame begins. */
	onDataStart(frame: DataFrame): boolean;
	/** A piece of the current DATA frame's data, without padding. */
	onData(buf: Buffer, start: number, end: number): boolean;
	/** The current DATA frame has come whole. */
	onDataEnd(): boolean;
	onFrameError(code: number, reason: string): void;
}

/** What a DATA frame's first bytes tell of it. */
export interface DataFrame {
	readonly flags: number;
	readonly streamId: number;
	/** The whole payload, which flow control counts ... */
	readonly length: number;
	/** ... and what of it is data. */
	readonly dataBytes: number;
}

/** Bytes `start` to `end` of `buf`. One object per reader, reused. */
export interface FramePayload {
	buf: Buffer;
	start: number;
	end: number;
}

const NO_BYTES = Buffer.alloc(0);
/** A connection holds on to so much; more, for one long frame, is let go. */
const KEPT_BYTES = 256;
const PREFACE_BYTES = Buffer.from(CLIENT_PREFACE, "latin1");

/**
 * Cuts a byte stream into frames, in however many pieces it comes. DATA is passed on as it comes in; any other frame is put together first,
 * so that at most one frame's bytes are kept.
 */
export class FrameReader {
	readonly #sink: FrameSink;
	readonly #payload: FramePayload = { buf: NO_BYTES, start: 0, end: 0 };
	/** Bytes of the client's preface that have come; all of them on a connection to a server. */
	#prefaceAt: number;
	/** Start of a frame whose rest has not come yet. */
	#kept: Buffer = NO_BYTES;
	#keptBytes = 0;
	/** Of the current DATA frame: data and padding that are still to come. */
	#inData = false;
	#dataLeft = 0;
	#padLeft = 0;
	#stopped = false;

	constructor(sink: FrameSink, expectsPreface: boolean) {
		this.#sink = sink;
		this.#prefaceAt = expectsPreface ? 0 : PREFACE_BYTES.length;
	}

	/** No more events. */
	stop(): void {
		this.#stopped = true;
		this.#kept = NO_BYTES;
		this.#keptBytes = 0;
	}

	read(buf: Buffer, start: number, end: number): void {
		let at = start;
		if (this.#prefaceAt < PREFACE_BYTES.length) at = this.#readPreface(buf, at, end);
		while (at < end && !this.#stopped) {
			if (this.#inData) at = this.#readData(buf, at, end);
			else if (this.#keptBytes > 0) at = this.#completeKept(buf, at, end);
			else at = this.#readFrame(buf, at, end);
		}
	}

	#readPreface(buf: Buffer, start: number, end: number): number {
		let at = start;
		while (at < end && this.#prefaceAt < PREFACE_BYTES.length) {
			if (buf[at++] === PREFACE_BYTES[this.#prefaceAt++]) continue;
			this.stop();
			this.#sink.onBadPreface();
			return end;
		}
		if (this.#prefaceAt === PREFACE_BYTES.length) this.#sink.onPreface();
		return at;
	}

	/** A frame that begins at `at`; what is not whole is kept. */
	#readFrame(buf: Buffer, at: number, end: number): number {
		if (end - at < FRAME_HEADER_BYTES) return this.#keep(buf, at, end, FRAME_HEADER_BYTES);
		const length = (buf[at]! << 16) | (buf[at + 1]! << 8) | buf[at + 2]!;
		if (length > DEFAULT_MAX_FRAME_BYTES) return this.#fail(ERROR_CODE.frameSizeError, "frame too large");
		const type = buf[at + 3]!;
		const payload = at + FRAME_HEADER_BYTES;
		if (type === FRAME.data) {
			const begin = dataBegin(buf[at + 4]!, length);
			if (end - at < begin) return this.#keep(buf, at, end, begin);
			this.#startData(buf, at, length);
			return at + begin;
		}
		if (payload + length > end) return this.#keep(buf, at, end, FRAME_HEADER_BYTES + length);
		this.#emit(buf, at, payload + length);
		return payload + length;
	}

	#emit(buf: Buffer, at: number, end: number): void {
		const payload = this.#payload;
		payload.buf = buf;
		payload.start = at + FRAME_HEADER_BYTES;
		payload.end = end;
		if (!this.#sink.onFrame(buf[at + 3]!, buf[at + 4]!, streamIdAt(buf, at + 5), payload)) this.stop();
	}

	/** A DATA frame's header has come, and its pad length when it is padded. */
	#startData(buf: Buffer, at: number, length: number): void {
		const flags = buf[at + 4]!;
		const padded = (flags & FLAG.padded) !== 0;
		if (padded && length === 0) {
			this.#fail(ERROR_CODE.frameSizeError, "padded DATA frame without pad length");
			return;
		}
		this.#padLeft = padded ? buf[at + FRAME_HEADER_BYTES]! : 0;
		this.#dataLeft = (padded ? length - 1 : length) - this.#padLeft;
		if (this.#dataLeft < 0) {
			this.#fail(ERROR_CODE.protocolError, "padding exceeds DATA frame");
			return;
		}
		this.#inData = true;
		const frame = { flags, streamId: streamIdAt(buf, at + 5), length, dataBytes: this.#dataLeft };
		if (!this.#sink.onDataStart(frame)) this.stop();
		else if (this.#dataLeft + this.#padLeft === 0) this.#endData();
	}

	#readData(buf: Buffer, start: number, end: number): number {
		const stop = Math.min(end, start + this.#dataLeft);
		if (stop > start) {
			this.#dataLeft -= stop - start;
			if (!this.#sink.onData(buf, start, stop)) {
				this.stop();
				return end;
			}
		}
		if (this.#dataLeft > 0) return stop;
		const behind = Math.min(end, stop + this.#padLeft);
		this.#padLeft -= behind - stop;
		if (this.#padLeft === 0) this.#endData();
		return behind;
	}

	#endData(): void {
		this.#inData = false;
		if (!this.#sink.onDataEnd()) this.stop();
	}

	/** Keeps bytes of a frame that is `whole` bytes long as far as is known. */
	#keep(buf: Buffer, start: number, end: number, whole: number): number {
		if (this.#kept.length < whole) {
			const wider = Buffer.allocUnsafeSlow(Math.max(whole, KEPT_BYTES));
			this.#kept.copy(wider, 0, 0, this.#keptBytes);
			this.#kept = wider;
		}
		buf.copy(this.#kept, this.#keptBytes, start, end);
		this.#keptBytes += end - start;
		return end;
	}

	/** Adds to what is kept what its frame lacks, not more. */
	#completeKept(buf: Buffer, start: number, end: number): number {
		let at = start;
		if (this.#keptBytes < FRAME_HEADER_BYTES) {
			const stop = Math.min(end, at + FRAME_HEADER_BYTES - this.#keptBytes);
			at = this.#keep(buf, at, stop, FRAME_HEADER_BYTES);
			if (this.#keptBytes < FRAME_HEADER_BYTES) return at;
		}
		const kept = this.#kept;
		const length = (kept[0]! << 16) | (kept[1]! << 8) | kept[2]!;
		if (length > DEFAULT_MAX_FRAME_BYTES) return this.#fail(ERROR_CODE.frameSizeError, "frame too large");
		if (kept[3] === FRAME.data) {
			const begin = dataBegin(kept[4]!, length);
			if (this.#keptBytes < begin) at = this.#keep(buf, at, Math.min(end, at + begin - this.#keptBytes), begin);
			if (this.#keptBytes < begin) return at;
			this.#keptBytes = 0;
			this.#startData(kept, 0, length);
			return at;
		}
		const whole = FRAME_HEADER_BYTES + length;
		at = this.#keep(buf, at, Math.min(end, at + whole - this.#keptBytes), whole);
		if (this.#keptBytes < whole) return at;
		const frame = this.#kept;
		this.#keptBytes = 0;
		if (frame.length > KEPT_BYTES) this.#kept = NO_BYTES;
		this.#emit(frame, 0, whole);
		return at;
	}

	/** Returns a position behind all bytes. */
	#fail(code: number, reason: string): number {
		this.stop();
		this.#sink.onFrameError(code, reason);
		return Number.MAX_SAFE_INTEGER;
	}
}

/** Bytes of a DATA frame that must be there before it can be judged: its header, and the pad length. */
function dataBegin(flags: number, length: number): number {
	return (flags & FLAG.padded) !== 0 && length > 0 ? FRAME_HEADER_BYTES + 1 : FRAME_HEADER_BYTES;
}

function streamIdAt(buf: Buffer, at: number): number {
	return ((buf[at]! & 0x7f) << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!;
}
