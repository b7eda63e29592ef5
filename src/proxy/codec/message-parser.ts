import type { HeaderMap } from "../http/header-map.ts";
import { ChunkedDecoder } from "./chunked-decoder.ts";
import { CODEC_ERRORS, type CodecError } from "./codec-error.ts";
import { type HeadLimits, HeadReader, type StartLineRules } from "./head-reader.ts";

/** What a parser tells of a body; `buf` is valid during the call only. */
export interface BodySink {
	onBody(buf: Buffer, start: number, end: number): void;
	onEnd(trailers: HeaderMap | undefined): void;
	onCodecError(error: CodecError): void;
}

/** `contentLength` of a body whose length is not told in the head. */
export const CHUNKED = -1;
export const UNTIL_CLOSE = -2;
/** No HTTP behind the head: bytes of a tunnel (CONNECT, 101). */
export const TUNNEL = -3;

const HEAD = 0;
const FIXED = 1;
const IN_CHUNKS = 2;
const TO_END = 3;
const ENDED = 4;
const STOPPED = 5;

/** What requests and responses have in common: head, then a body in one of the framings, then the end. One message at a time. */
export abstract class MessageParser {
	/** Body bytes told by the head, or CHUNKED, UNTIL_CLOSE, TUNNEL; 0 without a body. Valid from the head on. */
	contentLength = 0;
	/** What has come of the current message, framing included. */
	bytes = 0;
	/** The peer lets the connection live after this message. */
	keepAlive = true;
	protected readonly reader: HeadReader;
	readonly #sink: BodySink;
	readonly #chunked: ChunkedDecoder;
	readonly #onData = (buf: Buffer, start: number, end: number) => this.#sink.onBody(buf, start, end);
	#state = HEAD;
	#left = 0;

	constructor(sink: BodySink, limits: HeadLimits, startRules: StartLineRules, hostApart = false) {
		this.#sink = sink;
		this.reader = new HeadReader(limits, startRules, hostApart);
		this.#chunked = new ChunkedDecoder(limits);
	}

	/** Bits of `SEEN` for the current head. */
	get seen(): number {
		return this.reader.seen;
	}

	/** Size of the head's fields (`HeadReader.fieldBytes`). */
	get fieldBytes(): number {
		return this.reader.fieldBytes;
	}

	/** Between messages: nothing of the next one has come. */
	get idle(): boolean {
		return this.#state === HEAD && !this.reader.started;
	}

	get ended(): boolean {
		return this.#state === ENDED;
	}

	/** Feeds bytes; returns the position reached, less than `end` when the message has ended (`next` goes on). */
	execute(buf: Buffer, start: number, end: number): number {
		let at = start;
		while (at < end) {
			switch (this.#state) {
				case HEAD:
					at = this.#readHead(buf, at, end);
					break;
				case FIXED:
					at = this.#readFixed(buf, at, end);
					break;
				case IN_CHUNKS:
					at = this.#readChunks(buf, at, end);
					break;
				case TO_END:
					this.bytes += end - at;
					this.#sink.onBody(buf, at, end);
					return end;
				case ENDED:
					return at;
				default:
					return end;
			}
		}
		return at;
	}

	/** The peer has sent its last byte. Ends a body that lasts until close; anything else that is open was cut short. */
	finish(): void {
		if (this.#state === TO_END) this.#end(undefined);
		else if (this.#state !== ENDED && this.#state !== STOPPED && !this.idle) this.#fail(CODEC_ERRORS.prematureEnd);
	}

	/** Starts the next message on the connection. */
	next(): void {
		if (this.#state === STOPPED) return;
		this.#state = HEAD;
		this.bytes = 0;
		this.reader.reset();
	}

	/** Called from the head's event: what follows is no HTTP but bytes, up to the end of the connection. */
	beginTunnel(): void {
		this.contentLength = TUNNEL;
		this.#state = TO_END;
	}

	/** No more events, whatever comes. */
	stop(): void {
		this.#state = STOPPED;
	}

	/** Checks the head, sets `contentLength` and `keepAlive`; an error refuses it. "interim": a 1xx, another head follows. */
	protected abstract acceptHead(): CodecError | "final" | "interim";
	/** Tells the sink of the head; the body state is already set. */
	protected abstract announceHead(interim: boolean): void;

	#readHead(buf: Buffer, start: number, end: number): number {
		const at = this.reader.read(buf, start, end);
		this.bytes += (at < 0 ? end : at) - start;
		if (at < 0) {
			if (this.reader.error) this.#fail(this.reader.error);
			return end;
		}
		const outcome = this.acceptHead();
		if (outcome === "interim") {
			this.announceHead(true);
			this.next();
		} else if (outcome === "final") this.#startBody();
		else this.#fail(outcome);
		return at;
	}

	#startBody(): void {
		const length = this.contentLength;
		if (length === CHUNKED) {
			this.#chunked.reset();
			this.#state = IN_CHUNKS;
		} else if (length === UNTIL_CLOSE || length === TUNNEL) this.#state = TO_END;
		else {
			this.#left = length;
			this.#state = length === 0 ? ENDED : FIXED;
		}
		this.announceHead(false);
		if (length === 0 && this.#state === ENDED) this.#sink.onEnd(undefined);
	}

	#readFixed(buf: Buffer, start: number, end: number): number {
		const stop = Math.min(end, start + this.#left);
		this.#left -= stop - start;
		this.bytes += stop - start;
		this.#sink.onBody(buf, start, stop);
		if (this.#left === 0 && this.#state === FIXED) this.#end(undefined);
		return stop;
	}

	#readChunks(buf: Buffer, start: number, end: number): number {
		const at = this.#chunked.decode(buf, start, end, this.#onData);
		if (this.#chunked.error) {
			this.#fail(this.#chunked.error);
			return end;
		}
		this.bytes += at - start;
		if (this.#chunked.done && this.#state === IN_CHUNKS) this.#end(this.#chunked.trailers);
		return at;
	}

	#end(trailers: HeaderMap | undefined): void {
		this.#state = ENDED;
		this.#sink.onEnd(trailers);
	}

	#fail(error: CodecError): void {
		if (this.#state === STOPPED) return;
		this.#state = STOPPED;
		this.#sink.onCodecError(error);
	}
}
