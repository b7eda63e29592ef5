import { fieldsSize } from "../../http/head-size.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { ResponseHead } from "../../http/message.ts";
import { ERROR_CODE } from "../frame/frame.ts";
import { ReceiveWindow } from "./receive-window.ts";

/** Why a stream ended before its time. */
export type ResetOrigin =
	/** The peer sent RST_STREAM. */
	| "peer"
	/** We found the peer breaking the protocol. */
	| "protocol"
	/** The connection is gone. */
	| "connection"
	/** The peer's GOAWAY tells that it has not looked at the request: it may go out again elsewhere. */
	| "unprocessed";

/** Who has a stream; one of `onEnd` (peer's side) and `onReset` comes last. `buf` is valid during the call only. */
export interface StreamUser {
	/** Client only. `contentLength`: 0 when the response ends with its head, -1 when its length is not told. */
	onResponse(head: ResponseHead, contentLength: number): void;
	/** Client only. */
	onInformational(status: number, headers: HeaderMap): void;
	onData(buf: Buffer, start: number, end: number): void;
	onEnd(trailers: HeaderMap | undefined): void;
	/** No further event follows, and nothing can be sent any more. */
	onReset(code: number, origin: ResetOrigin): void;
	/** Bytes are taken again after `congested`. */
	onDrain(): void;
	/** What had to wait when our side was finished has gone out. */
	onSent?(): void;
}

/** A session as its streams use it. */
export interface StreamHost {
	/** Bytes that the peer takes on the whole connection. */
	sendWindow: number;
	/** Longest DATA that is sent. */
	readonly maxDataBytes: number;
	readonly streamWindowBytes: number;
	readonly streamBufferBytes: number;
	readonly outputCongested: boolean;
	/** A DATA frame's header; the payload follows by `writeBytes` or `writeText`. */
	writeDataHeader(streamId: number, bytes: number, endStream: boolean): void;
	writeBytes(buf: Buffer, start: number, end: number): void;
	writeText(text: string): void;
	/** Keeps a DATA frame back until the end of the turn: the stream's end may come before and join it. */
	hold(stream: Http2Stream, text: string): void;
	/** Sends the frame that is held back for the stream. */
	release(endStream: boolean): void;
	/** It is not to be sent any more. */
	dropHeld(): void;
	/** Size of the frame that is held back. */
	readonly heldBytes: number;
	/** Returns how many bytes that took. */
	writeTrailers(streamId: number, trailers: HeaderMap): number;
	writeReset(streamId: number, code: number): void;
	writeWindowUpdate(streamId: number, increment: number): void;
	/** Bytes of DATA were consumed, as far as the connection is concerned. */
	consumeOnConnection(bytes: number): void;
	/** The stream has data that a window holds back: to be asked by `flush` when one opens. */
	addBlocked(stream: Http2Stream): void;
	onStreamClosed(stream: Http2Stream, how: "ended" | "reset-by-us"): void;
}

const FRAME_HEADER_BYTES = 9;

/** Body pieces up to this size wait as text, longer ones as buffers (as in codec/transport.ts). */
const AS_TEXT_BYTES = 16 * 1024;

/** One stream of a session, for both roles: its state, its windows, and what waits to be sent on it. */
export class Http2Stream {
	readonly id: number;
	user: StreamUser | undefined = undefined;
	/** What the peer takes on this stream. */
	sendWindow: number;
	/** For the session: it waits for a window. */
	blocked = false;
	/** For the session: its last DATA frame is held back. */
	held = false;
	localEnded = false;
	remoteEnded = false;
	closed = false;
	/** Declared length of the peer's body that is still to come; -1 when none was declared. */
	lengthLeft = -1;
	/** Client: the final response has come. */
	answered = false;
	/** Client: HEAD was asked for, whose answer may declare a length that does not come. */
	bodiless = false;
	/** Client: protocol of an extended CONNECT, to translate its answer. */
	upgrade = "";
	/** Bytes of frames, headers of frames included; of those, field blocks. */
	receivedBytes = 0;
	receivedBlockBytes = 0;
	sentBytes = 0;
	sentBlockBytes = 0;
	/** Server: when the answer is out, the rest of the request is of no interest (RFC 9113 8.1). */
	endsWithUs = false;
	readonly #host: StreamHost;
	#receive: ReceiveWindow | undefined = undefined;
	#paused = false;
	/** Received while paused: not credited to the peer before `resume`. */
	#unconsumed = 0;
	#queue: (string | Buffer)[] | undefined = undefined;
	#queuedBytes = 0;
	#ending = false;
	#trailers: HeaderMap | undefined = undefined;
	#stalled = false;

	constructor(id: number, host: StreamHost, sendWindow: number) {
		this.id = id;
		this.#host = host;
		this.sendWindow = sendWindow;
	}

	/** Our side is finished, and part of it still waits for a window. */
	get waiting(): boolean {
		return this.#queue !== undefined;
	}

	/** More waits on this stream or on the connection than should; `onDrain` follows. */
	get congested(): boolean {
		const congested = this.#queuedBytes > this.#host.streamBufferBytes || this.#host.outputCongested;
		if (congested) this.#stalled = true;
		return congested;
	}

	/** What waits, framed, with the end of our side if it is still to come. */
	pendingBytes(trailers: HeaderMap | undefined): number {
		const held = this.held ? this.#host.heldBytes : 0;
		const queued = this.#queuedBytes > 0 ? FRAME_HEADER_BYTES + this.#queuedBytes : 0;
		if (this.localEnded) return held + queued;
		if (trailers) return held + queued + FRAME_HEADER_BYTES + fieldsSize(trailers);
		return held + queued > 0 ? held + queued : FRAME_HEADER_BYTES;
	}

	/** Sends body bytes; what a window holds back is copied and waits. */
	sendData(buf: Buffer, start: number, end: number): void {
		if (this.localEnded || this.#ending || this.closed) return;
		if (this.held) this.#host.release(false);
		let at = start;
		while (at < end && this.#queue === undefined) {
			const bytes = Math.min(end - at, this.#room());
			if (bytes <= 0) break;
			this.#use(bytes);
			if (at + bytes === end) this.#hold(buf.toString("latin1", at, end));
			else {
				this.sentBytes += FRAME_HEADER_BYTES + bytes;
				this.#host.writeDataHeader(this.id, bytes, false);
				this.#host.writeBytes(buf, at, at + bytes);
			}
			at += bytes;
		}
		if (at === end) return;
		const rest = end - at;
		this.#wait(rest <= AS_TEXT_BYTES ? buf.toString("latin1", at, end) : Buffer.copyBytesFrom(buf, at, rest));
	}

	/** Sends text whose characters are bytes, and ends the stream's local side with it when it is `last`. */
	sendText(text: string, last: boolean): void {
		if (this.localEnded || this.#ending || this.closed) return;
		if (this.held) this.#host.release(false);
		if (this.#queue === undefined && text.length <= this.#room()) {
			this.#use(text.length);
			this.#hold(text);
			if (last) this.#sendEnd(undefined);
			return;
		}
		const first = this.#queue === undefined;
		this.#wait(text);
		this.#ending = last;
		if (first) this.flush();
	}

	/** Ends our side after what waits. */
	finish(trailers: HeaderMap | undefined): void {
		if (this.localEnded || this.#ending || this.closed) return;
		if (this.#queue === undefined) this.#sendEnd(trailers);
		else {
			this.#ending = true;
			this.#trailers = trailers;
		}
	}

	/** Gives the stream up: RST_STREAM to the peer, no event to the user. */
	reset(code: number): void {
		if (this.closed) return;
		if (this.held) this.#host.release(false);
		this.#host.writeReset(this.id, code);
		this.#close("reset-by-us");
	}

	/** Stops crediting what comes in: the peer stops when the window is used up. */
	pause(): void {
		this.#paused = true;
	}

	resume(): void {
		this.#paused = false;
		const bytes = this.#unconsumed;
		this.#unconsumed = 0;
		if (bytes > 0) this.#consume(bytes);
	}

	/** For the session: our side ended with the frame just written. */
	endLocal(): void {
		this.localEnded = true;
		if (this.remoteEnded) this.#close("ended");
		else if (this.endsWithUs) this.reset(ERROR_CODE.noError);
	}

	/** For the session: the peer's side has ended. */
	endRemote(): void {
		this.remoteEnded = true;
		if (this.localEnded) this.#close("ended");
	}

	/** For the session: `bytes` of DATA payload come in; false when the peer overruns the window. */
	takeReceived(bytes: number): boolean {
		this.#receive ??= new ReceiveWindow(this.#host.streamWindowBytes);
		return this.#receive.take(bytes);
	}

	/** For the session: they have been passed on. */
	passedOn(bytes: number): void {
		if (this.#paused && !this.closed) this.#unconsumed += bytes;
		else this.#consume(bytes);
	}

	/** For the session: a field block came in, in frames of so many bytes. */
	noteReceivedBlock(bytes: number): void {
		this.receivedBytes += bytes;
		this.receivedBlockBytes += bytes;
	}

	/** For the session: a field block went out. */
	noteSentBlock(bytes: number): void {
		this.sentBytes += bytes;
		this.sentBlockBytes += bytes;
	}

	/** For the session: a window has opened. Returns true while something still waits for one. */
	flush(): boolean {
		const queue = this.#queue;
		if (queue === undefined || this.closed) return false;
		while (queue.length > 0) {
			const bytes = Math.min(queue[0]!.length, this.#room());
			if (bytes <= 0) return true;
			this.#sendQueued(queue, bytes);
		}
		this.#queue = undefined;
		if (this.#ending) this.#sendEnd(this.#trailers);
		if (this.localEnded) this.user?.onSent?.();
		else this.notifyDrained();
		return false;
	}

	/** For the session: tells the user when there is room again. */
	notifyDrained(): void {
		if (!this.#stalled || this.closed || this.#host.outputCongested) return;
		if (this.#queuedBytes * 2 > this.#host.streamBufferBytes) return;
		this.#stalled = false;
		this.user?.onDrain();
	}

	/** For the session: the stream is over; nothing is sent. */
	abort(code: number, origin: ResetOrigin): void {
		if (this.closed) return;
		const { user } = this;
		this.#close("ended");
		user?.onReset(code, origin);
	}

	/** For the session: the peer broke a rule of this stream; `origin`: how the user is to take it. */
	fail(code: number, origin: ResetOrigin = "protocol"): void {
		if (this.closed) return;
		const { user } = this;
		this.reset(code);
		user?.onReset(code, origin);
	}

	#room(): number {
		return Math.min(this.sendWindow, this.#host.sendWindow, this.#host.maxDataBytes);
	}

	#use(bytes: number): void {
		this.sendWindow -= bytes;
		this.#host.sendWindow -= bytes;
	}

	#hold(text: string): void {
		this.held = true;
		this.#host.hold(this, text);
	}

	#wait(piece: string | Buffer): void {
		if (this.#queue === undefined) {
			this.#queue = [];
			this.#host.addBlocked(this);
		}
		this.#queue.push(piece);
		this.#queuedBytes += piece.length;
	}

	#sendQueued(queue: (string | Buffer)[], bytes: number): void {
		const piece = queue[0]!;
		const last = this.#ending && this.#trailers === undefined && queue.length === 1 && bytes === piece.length;
		this.#use(bytes);
		this.sentBytes += FRAME_HEADER_BYTES + bytes;
		this.#host.writeDataHeader(this.id, bytes, last);
		this.#queuedBytes -= bytes;
		if (typeof piece === "string") this.#host.writeText(bytes === piece.length ? piece : piece.slice(0, bytes));
		else this.#host.writeBytes(piece, 0, bytes);
		if (bytes === piece.length) queue.shift();
		else queue[0] = typeof piece === "string" ? piece.slice(bytes) : piece.subarray(bytes);
		if (!last) return;
		this.#ending = false;
		this.endLocal();
	}

	#sendEnd(trailers: HeaderMap | undefined): void {
		this.#ending = false;
		if (this.held) this.#host.release(trailers === undefined);
		else if (trailers === undefined) {
			this.sentBytes += FRAME_HEADER_BYTES;
			this.#host.writeDataHeader(this.id, 0, true);
		}
		if (trailers !== undefined) this.noteSentBlock(this.#host.writeTrailers(this.id, trailers));
		this.endLocal();
	}

	#consume(bytes: number): void {
		this.#host.consumeOnConnection(bytes);
		if (this.closed || this.remoteEnded) return;
		const increment = this.#receive!.consume(bytes);
		if (increment > 0) this.#host.writeWindowUpdate(this.id, increment);
	}

	#close(how: "ended" | "reset-by-us"): void {
		if (this.held) this.#host.dropHeld();
		this.closed = true;
		this.localEnded = true;
		this.#queue = undefined;
		this.#queuedBytes = 0;
		this.#trailers = undefined;
		const bytes = this.#unconsumed;
		this.#unconsumed = 0;
		if (bytes > 0) this.#host.consumeOnConnection(bytes);
		this.#host.onStreamClosed(this, how);
	}
}
