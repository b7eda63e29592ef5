import type { HeaderMap } from "../../http/header-map.ts";
import { DEFAULT_MAX_FRAME_BYTES, ERROR_CODE, FLAG, FRAME, MAX_WINDOW_BYTES } from "../frame/frame.ts";
import { type DataFrame, type FramePayload, FrameReader, type FrameSink } from "../frame/frame-reader.ts";
import { pingFrame, SETTINGS_ACK } from "../frame/frame-writer.ts";
import { HpackDecoder } from "../hpack/hpack-decoder.ts";
import { FieldSection } from "../message/field-section.ts";
import { checkTrailers } from "../message/read-head.ts";
import { BlockAssembler } from "./block-assembler.ts";
import { CLOSED } from "./closed-streams.ts";
import type { Http2Stream } from "./http2-stream.ts";
import { type Role, SessionCore, type SessionSetup } from "./session-core.ts";

const FRAME_HEADER_BYTES = 9;

/**
 * One HTTP/2 connection as a state machine without a socket: bytes in by `receive`, bytes out by the output, events to the users of the
 * streams. What both roles share (RFC 9113 sections 3 to 6); requests and responses are the subclasses' part.
 */
export abstract class Http2Session extends SessionCore implements FrameSink {
	protected readonly section: FieldSection;
	/** Size of the block that is being looked at, with the head of its frame. */
	protected blockBytes: number = 0;
	readonly #reader: FrameReader;
	readonly #decoder: HpackDecoder;
	readonly #blocks: BlockAssembler;
	/** Of the DATA frame that is coming in; no stream when it is to be thrown away. */
	#dataStream: Http2Stream | undefined = undefined;
	#dataEndsStream = false;
	#dataBytes = 0;

	constructor(setup: SessionSetup, role: Role) {
		super(setup, role);
		const { options, limits } = setup;
		this.section = new FieldSection(limits);
		this.#reader = new FrameReader(this, role === "server");
		this.#decoder = new HpackDecoder(options.hpackTableBytes);
		this.#blocks = new BlockAssembler(limits.maxBytes * 2 + DEFAULT_MAX_FRAME_BYTES);
	}

	/** Takes bytes in; `buf` is not kept. */
	receive(buf: Buffer, start: number, end: number): void {
		if (!this.ended) this.#reader.read(buf, start, end);
	}

	/** A whole block has come: request, response or trailers. False when the connection cannot go on. */
	protected abstract onBlock(streamId: number, endStream: boolean): boolean;
	/** True for a stream that has not been opened yet. */
	protected abstract isIdle(streamId: number): boolean;
	/** Streams beyond the peer's GOAWAY. */
	protected abstract refuseAbove(lastStreamId: number): void;

	onPreface(): void {
		this.start();
	}

	onBadPreface(): void {
		this.end({ code: ERROR_CODE.protocolError, reason: "invalid connection preface" });
	}

	onFrame(type: number, flags: number, streamId: number, payload: FramePayload): boolean {
		if (!this.peer.known && type !== FRAME.settings) return this.protocolError("no SETTINGS in the preface");
		if (this.#blocks.open && (type !== FRAME.continuation || streamId !== this.#blocks.streamId))
			return this.protocolError("frame inside a field block");
		switch (type) {
			case FRAME.headers:
				return this.#onHeaders(flags, streamId, payload);
			case FRAME.continuation:
				return this.#onContinuation(flags, payload);
			case FRAME.windowUpdate:
				return this.#onWindowUpdate(streamId, payload);
			case FRAME.rstStream:
				return this.#onRstStream(streamId, payload);
			case FRAME.settings:
				return this.#onSettings(flags, streamId, payload);
			case FRAME.ping:
				return this.#onPing(flags, streamId, payload);
			case FRAME.goAway:
				return this.#onGoAway(streamId, payload);
			case FRAME.priority:
				return this.#onPriority(streamId, payload);
			case FRAME.pushPromise:
				return this.protocolError("PUSH_PROMISE");
			default:
				return true;
		}
	}

	onDataStart({ flags, streamId, length, dataBytes }: DataFrame): boolean {
		if (!this.peer.known) return this.protocolError("no SETTINGS in the preface");
		if (this.#blocks.open) return this.protocolError("frame inside a field block");
		if (streamId === 0) return this.protocolError("DATA on stream 0");
		const endStream = (flags & FLAG.endStream) !== 0;
		const flood = this.guard.onPayload(length === 0 && !endStream);
		if (flood !== "") return this.flooded(flood);
		this.#dataStream = undefined;
		this.#dataEndsStream = endStream;
		this.#dataBytes = length;
		if (!this.receiveWindow.take(length)) return this.connectionError(ERROR_CODE.flowControlError, "connection window");
		const stream = this.streams.get(streamId);
		if (stream === undefined) return this.#dataOfNoStream(streamId);
		if (stream.remoteEnded) stream.fail(ERROR_CODE.streamClosed);
		else if (!stream.takeReceived(length)) stream.fail(ERROR_CODE.flowControlError);
		else if (stream.lengthLeft >= 0 && dataBytes > stream.lengthLeft) return this.#wrongLength(stream);
		else {
			stream.receivedBytes += FRAME_HEADER_BYTES + length;
			this.#dataStream = stream;
		}
		return !this.ended;
	}

	onData(buf: Buffer, start: number, end: number): boolean {
		const stream = this.#dataStream;
		if (stream === undefined || stream.closed) return !this.ended;
		if (stream.lengthLeft >= 0) stream.lengthLeft -= end - start;
		stream.user?.onData(buf, start, end);
		return !this.ended;
	}

	onDataEnd(): boolean {
		const stream = this.#dataStream;
		this.#dataStream = undefined;
		if (stream === undefined) this.consumeOnConnection(this.#dataBytes);
		else {
			if (this.#dataEndsStream && !stream.closed) {
				stream.remoteEnded = true;
				stream.passedOn(this.#dataBytes);
				return this.endOfMessage(stream, undefined);
			}
			stream.passedOn(this.#dataBytes);
		}
		return !this.ended;
	}

	protected override stopReading(): void {
		this.#reader.stop();
	}

	onFrameError(code: number, reason: string): void {
		this.connectionError(code, reason);
	}

	/** The peer's message is complete; its length must be what was declared. */
	protected endOfMessage(stream: Http2Stream, trailers: HeaderMap | undefined): boolean {
		if (stream.lengthLeft > 0) return this.#wrongLength(stream);
		const { user } = stream;
		stream.endRemote();
		user?.onEnd(trailers);
		return !this.ended;
	}

	/** The decoded block holds trailers of `stream`. */
	protected onTrailers(stream: Http2Stream, endStream: boolean): boolean {
		if (stream.remoteEnded) stream.fail(ERROR_CODE.streamClosed);
		else {
			const wrong = endStream ? checkTrailers(this.section) : "HEADERS without END_STREAM behind a message's head";
			if (wrong !== "") return this.malformed(stream, wrong);
			if (this.section.tooLarge) return this.tooLarge(stream);
			this.stats.trailers.inc();
			stream.noteReceivedBlock(this.blockBytes);
			stream.remoteEnded = true;
			const { headers } = this.section;
			return this.endOfMessage(stream, headers.size > 0 ? headers : undefined);
		}
		return !this.ended;
	}

	/** More fields than allowed: the stream is reset, as Envoy does. */
	protected tooLarge(stream: Http2Stream): boolean {
		this.stats.headerOverflow.inc();
		stream.fail(ERROR_CODE.internalError);
		return !this.ended;
	}

	/** A message that breaks RFC 9113 section 8: costs the stream or the connection, by option. */
	protected malformed(stream: Http2Stream, reason: string): boolean {
		this.stats.rxMessagingError.inc();
		if (!this.options.streamErrorOnInvalidMessage) return this.protocolError(reason);
		stream.fail(ERROR_CODE.protocolError);
		return !this.ended;
	}

	/** More or less DATA than content-length said: costs the stream only, whatever the option says, as in Envoy. */
	#wrongLength(stream: Http2Stream): boolean {
		this.stats.rxMessagingError.inc();
		stream.fail(ERROR_CODE.protocolError);
		return !this.ended;
	}

	#onHeaders(flags: number, streamId: number, payload: FramePayload): boolean {
		if (streamId === 0) return this.protocolError("HEADERS on stream 0");
		const endStream = (flags & FLAG.endStream) !== 0;
		const flood = this.guard.onPayload(payload.start === payload.end && !endStream);
		if (flood !== "") return this.flooded(flood);
		if ((flags & FLAG.padded) !== 0 && !unpad(payload)) return this.protocolError("padding exceeds HEADERS frame");
		if ((flags & FLAG.priority) !== 0) {
			if (payload.end - payload.start < 5) return this.connectionError(ERROR_CODE.frameSizeError, "HEADERS frame size");
			if (dependency(payload) === streamId) return this.protocolError("stream depends on itself");
			payload.start += 5;
		}
		if ((flags & FLAG.endHeaders) !== 0)
			return this.#decode(streamId, endStream, payload.buf, payload.start, payload.end);
		this.#blocks.begin(streamId, endStream);
		return this.#blocks.add(payload) || this.flooded("field block too long");
	}

	#onContinuation(flags: number, payload: FramePayload): boolean {
		const blocks = this.#blocks;
		if (!blocks.open) return this.protocolError("CONTINUATION without HEADERS");
		const endHeaders = (flags & FLAG.endHeaders) !== 0;
		const flood = this.guard.onPayload(payload.start === payload.end && !endHeaders);
		if (flood !== "") return this.flooded(flood);
		if (!blocks.add(payload)) return this.flooded("field block too long");
		if (!endHeaders) return true;
		const { streamId, endStream } = blocks;
		const block = blocks.take();
		return this.#decode(streamId, endStream, block, 0, block.length);
	}

	#decode(streamId: number, endStream: boolean, buf: Buffer, start: number, end: number): boolean {
		this.section.reset();
		this.blockBytes = FRAME_HEADER_BYTES + end - start;
		if (!this.#decoder.decode(buf, start, end, this.section))
			return this.connectionError(ERROR_CODE.compressionError, "field block");
		this.section.finish();
		return this.onBlock(streamId, endStream);
	}

	#dataOfNoStream(streamId: number): boolean {
		if (this.isIdle(streamId)) return this.protocolError("DATA on an idle stream");
		if (this.closedStreams.of(streamId) !== CLOSED.resetByUs) this.writeReset(streamId, ERROR_CODE.streamClosed);
		return !this.ended;
	}

	#onWindowUpdate(streamId: number, { buf, start, end }: FramePayload): boolean {
		if (end - start !== 4) return this.connectionError(ERROR_CODE.frameSizeError, "WINDOW_UPDATE frame size");
		const flood = this.guard.onWindowUpdate();
		if (flood !== "") return this.flooded(flood);
		const increment = buf.readUInt32BE(start) & MAX_WINDOW_BYTES;
		if (streamId === 0) return this.#openConnectionWindow(increment);
		const stream = this.streams.get(streamId);
		if (stream === undefined)
			return this.isIdle(streamId) ? this.protocolError("WINDOW_UPDATE on an idle stream") : true;
		if (increment === 0) stream.fail(ERROR_CODE.protocolError);
		else if (stream.sendWindow + increment > MAX_WINDOW_BYTES) stream.fail(ERROR_CODE.flowControlError);
		else {
			stream.sendWindow += increment;
			this.flushStream(stream);
		}
		return !this.ended;
	}

	#openConnectionWindow(increment: number): boolean {
		if (increment === 0) return this.protocolError("WINDOW_UPDATE of 0");
		if (this.sendWindow + increment > MAX_WINDOW_BYTES)
			return this.connectionError(ERROR_CODE.flowControlError, "connection window");
		this.sendWindow += increment;
		this.flushBlocked();
		return !this.ended;
	}

	#onRstStream(streamId: number, { buf, start, end }: FramePayload): boolean {
		if (end - start !== 4) return this.connectionError(ERROR_CODE.frameSizeError, "RST_STREAM frame size");
		if (streamId === 0 || this.isIdle(streamId)) return this.protocolError("RST_STREAM on an idle stream");
		const code = buf.readUInt32BE(start);
		this.stats.rxReset.inc();
		const stream = this.streams.get(streamId);
		stream?.abort(code, "peer");
		return !this.ended;
	}

	#onSettings(flags: number, streamId: number, payload: FramePayload): boolean {
		if (streamId !== 0) return this.protocolError("SETTINGS on a stream");
		if ((flags & FLAG.ack) !== 0) {
			if (payload.start !== payload.end) return this.connectionError(ERROR_CODE.frameSizeError, "SETTINGS ACK size");
			return this.peer.known || this.protocolError("no SETTINGS in the preface");
		}
		const before = this.peer.initialWindowBytes;
		const refused = this.peer.apply(payload);
		if (refused !== undefined) return this.connectionError(refused.code, refused.reason);
		this.encoder.resize(this.peer.headerTableBytes);
		this.write(FRAME.settings, SETTINGS_ACK);
		if (!this.moveStreamWindows(this.peer.initialWindowBytes - before)) return false;
		this.owner.onSettings();
		return !this.ended;
	}

	#onPing(flags: number, streamId: number, { buf, start, end }: FramePayload): boolean {
		if (streamId !== 0) return this.protocolError("PING on a stream");
		if (end - start !== 8) return this.connectionError(ERROR_CODE.frameSizeError, "PING frame size");
		if ((flags & FLAG.ack) !== 0) this.owner.onPingAck();
		else this.write(FRAME.ping, pingFrame(buf.toString("latin1", start, end), true));
		return !this.ended;
	}

	#onGoAway(streamId: number, { buf, start, end }: FramePayload): boolean {
		if (streamId !== 0) return this.protocolError("GOAWAY on a stream");
		if (end - start < 8) return this.connectionError(ERROR_CODE.frameSizeError, "GOAWAY frame size");
		this.goAwayReceived = true;
		this.refuseAbove(buf.readUInt32BE(start) & MAX_WINDOW_BYTES);
		this.owner.onGoAway(buf.readUInt32BE(start + 4));
		return !this.ended;
	}

	#onPriority(streamId: number, payload: FramePayload): boolean {
		if (streamId === 0) return this.protocolError("PRIORITY on stream 0");
		const flood = this.guard.onPriority();
		if (flood !== "") return this.flooded(flood);
		if (payload.end - payload.start !== 5) {
			this.streamError(streamId, ERROR_CODE.frameSizeError);
			return !this.ended;
		}
		if (dependency(payload) === streamId) return this.protocolError("stream depends on itself");
		return true;
	}

	/** An error of one stream, which may not be open. */
	protected streamError(streamId: number, code: number): void {
		const stream = this.streams.get(streamId);
		if (stream !== undefined) stream.fail(code);
		else if (!this.isIdle(streamId)) this.writeReset(streamId, code);
		else this.connectionError(code, "error on an idle stream");
	}
}

/** Takes pad length and padding off; false when there is less than that. */
function unpad(payload: FramePayload): boolean {
	if (payload.start === payload.end) return false;
	const padding = payload.buf[payload.start++]!;
	payload.end -= padding;
	return payload.end >= payload.start;
}

/** Stream dependency of a priority field (obsolete; only checked). */
function dependency({ buf, start }: FramePayload): number {
	return buf.readUInt32BE(start) & MAX_WINDOW_BYTES;
}
