import type { HeaderMap } from "../../http/header-map.ts";
import type { Http2Options } from "../../http/http2/http2-options.ts";
import type { Http2Stats } from "../../http/http2/http2-stats.ts";
import {
	CLIENT_PREFACE,
	DEFAULT_MAX_FRAME_BYTES,
	DEFAULT_WINDOW_BYTES,
	ERROR_CODE,
	FLAG,
	FRAME,
	type Http2Error,
	MAX_WINDOW_BYTES,
	SETTING,
} from "../frame/frame.ts";
import {
	frameHeader,
	goAwayFrame,
	headersFrames,
	pingFrame,
	rstStreamFrame,
	settingsFrame,
	windowUpdateFrame,
} from "../frame/frame-writer.ts";
import { HpackEncoder } from "../hpack/hpack-encoder.ts";
import type { SectionLimits } from "../message/field-section.ts";
import { encodeTrailers } from "../message/write-head.ts";
import { CLOSED, ClosedStreams } from "./closed-streams.ts";
import { FloodGuard } from "./flood-guard.ts";
import type { Http2Output } from "./http2-output.ts";
import type { Http2Stream, StreamHost } from "./http2-stream.ts";
import { PeerSettings } from "./peer-settings.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { StreamTable } from "./stream-table.ts";

const FRAME_HEADER_BYTES = 9;

/** What a session tells its owner about the connection as a whole. */
export interface SessionUser {
	/** The peer's settings have come or changed. */
	onSettings(): void;
	/** The peer takes no new streams; those it has not looked at have been told so. */
	onGoAway(code: number): void;
	onPingAck(): void;
	/** Called after each stream's end. */
	onStreamClosed(): void;
	/** The connection cannot go on: streams have been told, GOAWAY is queued. Send what is queued, then close. */
	onSessionError(error: Http2Error): void;
}

export type Role = "client" | "server";

export interface SessionSetup {
	readonly options: Http2Options;
	readonly limits: SectionLimits;
	readonly output: Http2Output;
	readonly stats: Http2Stats;
	/** More than this waiting on one stream is congestion. */
	readonly streamBufferBytes: number;
}

/**
 * What a session keeps whatever frames come: its streams, the windows of the connection, and its way out. The frames that come in are the
 * subclass's part.
 */
export abstract class SessionCore implements StreamHost {
	readonly role: Role;
	readonly options: Http2Options;
	readonly peer = new PeerSettings();
	sendWindow: number = DEFAULT_WINDOW_BYTES;
	readonly maxDataBytes: number = DEFAULT_MAX_FRAME_BYTES;
	readonly streamWindowBytes: number;
	readonly streamBufferBytes: number;
	/** The peer has said GOAWAY. */
	goAwayReceived = false;
	/** Broken or closed: nothing is read or sent any more. */
	ended = false;
	protected readonly streams = new StreamTable<Http2Stream>();
	protected readonly closedStreams = new ClosedStreams();
	protected readonly encoder: HpackEncoder;
	protected readonly stats: Http2Stats;
	protected readonly guard: FloodGuard;
	protected readonly receiveWindow: ReceiveWindow;
	/** Highest stream that the peer has opened. */
	protected lastPeerStream = 0;
	readonly #output: Http2Output;
	/** In the order of their turns. */
	readonly #blocked: Http2Stream[] = [];
	/** The DATA frame that waits for the end of the turn. */
	#held: Http2Stream | undefined = undefined;
	#heldText = "";
	readonly #releaseHeld = () => this.release(false);

	constructor({ options, output, stats, streamBufferBytes }: SessionSetup, role: Role) {
		this.role = role;
		this.options = options;
		this.stats = stats;
		this.streamBufferBytes = streamBufferBytes;
		this.streamWindowBytes = options.initialStreamWindowBytes;
		this.encoder = new HpackEncoder(options.hpackTableBytes);
		this.guard = new FloodGuard(options, output, stats);
		this.#output = output;
		output.beforeFlush = this.#releaseHeld;
		this.receiveWindow = new ReceiveWindow(Math.max(options.initialConnectionWindowBytes, DEFAULT_WINDOW_BYTES));
	}

	get activeStreams(): number {
		return this.streams.size;
	}

	get outputCongested(): boolean {
		return this.#output.congested;
	}

	/** Sends our preface, before anything else; a client does it at once, a server when it has seen the client's. */
	protected start(): void {
		const { options } = this;
		const client = this.role === "client";
		if (client) this.#output.send(CLIENT_PREFACE);
		const settings: [number, number][] = [[SETTING.headerTableSize, options.hpackTableBytes]];
		if (client) settings.push([SETTING.enablePush, 0]);
		else settings.push([SETTING.enableConnectProtocol, options.allowConnect ? 1 : 0]);
		settings.push([SETTING.maxConcurrentStreams, options.maxConcurrentStreams]);
		settings.push([SETTING.initialWindowSize, options.initialStreamWindowBytes]);
		this.#output.send(settingsFrame([...settings, ...options.customSettings]));
		const more = options.initialConnectionWindowBytes - DEFAULT_WINDOW_BYTES;
		if (more > 0) this.#output.send(windowUpdateFrame(0, more));
	}

	/** The connection is gone: every stream is told. */
	close(): void {
		this.ended = true;
		this.stopReading();
		for (const stream of this.streams.list()) stream.abort(ERROR_CODE.noError, "connection");
	}

	/** The output takes bytes again. */
	onOutputDrain(): void {
		for (const stream of this.streams.list()) stream.notifyDrained();
	}

	/** `payload`: eight characters. */
	ping(payload: string): void {
		this.write(FRAME.ping, pingFrame(payload, false));
	}

	/** No new streams beyond those that have begun; they go on. With `announce` the peer may still open some (RFC 9113 6.8). */
	goAway(code: number, announce = false): void {
		if (this.ended) return;
		this.stats.goawaySent.inc();
		this.write(FRAME.goAway, goAwayFrame(announce ? MAX_WINDOW_BYTES : this.lastPeerStream, code, ""));
	}

	writeDataHeader(streamId: number, bytes: number, endStream: boolean): void {
		this.guard.dataSent();
		this.write(FRAME.data, frameHeader(bytes, FRAME.data, endStream ? FLAG.endStream : 0, streamId));
	}

	writeBytes(buf: Buffer, start: number, end: number): void {
		if (!this.ended) this.#output.sendBytes(buf, start, end);
	}

	writeText(text: string): void {
		if (!this.ended) this.#output.send(text);
	}

	hold(stream: Http2Stream, text: string): void {
		// One at a time: frames of other streams may overtake it, of its own none.
		if (this.#held !== undefined) this.release(false);
		this.#held = stream;
		this.#heldText = text;
		this.#output.wake();
	}

	get heldBytes(): number {
		return FRAME_HEADER_BYTES + this.#heldText.length;
	}

	release(endStream: boolean): void {
		const stream = this.#held;
		if (stream === undefined) return;
		const text = this.#heldText;
		this.dropHeld();
		stream.sentBytes += FRAME_HEADER_BYTES + text.length;
		this.writeDataHeader(stream.id, text.length, endStream);
		this.writeText(text);
	}

	dropHeld(): void {
		if (this.#held) this.#held.held = false;
		this.#held = undefined;
		this.#heldText = "";
	}

	writeTrailers(streamId: number, trailers: HeaderMap): number {
		this.stats.trailers.inc();
		return this.writeBlock(streamId, encodeTrailers(this.encoder, trailers), true);
	}

	writeReset(streamId: number, code: number): void {
		this.stats.txReset.inc();
		this.write(FRAME.rstStream, rstStreamFrame(streamId, code));
	}

	writeWindowUpdate(streamId: number, increment: number): void {
		this.write(FRAME.windowUpdate, windowUpdateFrame(streamId, increment));
	}

	consumeOnConnection(bytes: number): void {
		const increment = this.receiveWindow.consume(bytes);
		if (increment > 0) this.writeWindowUpdate(0, increment);
	}

	addBlocked(stream: Http2Stream): void {
		if (stream.blocked) return;
		stream.blocked = true;
		this.#blocked.push(stream);
	}

	#unblock(stream: Http2Stream): void {
		if (!stream.blocked) return;
		stream.blocked = false;
		this.#blocked.splice(this.#blocked.indexOf(stream), 1);
	}

	onStreamClosed(stream: Http2Stream, how: "ended" | "reset-by-us"): void {
		this.streams.delete(stream.id);
		this.#unblock(stream);
		this.closedStreams.note(stream.id, how === "ended" ? CLOSED.ended : CLOSED.resetByUs);
		this.stats.streamsActive.add(-1);
		this.notifyClosed();
	}

	/** Tells the owner of a stream's end. */
	protected abstract notifyClosed(): void;
	protected abstract get owner(): SessionUser;

	protected addStream(stream: Http2Stream): void {
		this.guard.streamOpened();
		this.stats.streamsActive.add(1);
		this.streams.add(stream);
	}

	/** Returns how many bytes that took. */
	protected writeBlock(streamId: number, block: string, endStream: boolean): number {
		const frames = headersFrames(streamId, block, endStream, DEFAULT_MAX_FRAME_BYTES);
		this.write(FRAME.headers, frames);
		return frames.length;
	}

	/** The stream's own window has opened. */
	protected flushStream(stream: Http2Stream): void {
		if (!stream.flush()) this.#unblock(stream);
	}

	/** Streams that wait get their turn in order; one that still waits goes to the end of the line. */
	protected flushBlocked(): void {
		for (let left = this.#blocked.length; left > 0 && this.sendWindow > 0; left--) {
			const stream = this.#blocked[0];
			if (stream === undefined) return;
			this.#unblock(stream);
			if (stream.flush()) this.addBlocked(stream);
		}
	}

	/** RFC 9113 6.9.2: a new initial window moves the windows of open streams, below zero if need be. */
	protected moveStreamWindows(delta: number): boolean {
		if (delta === 0 || this.ended) return !this.ended;
		for (const stream of this.streams.list()) {
			stream.sendWindow += delta;
			if (stream.sendWindow > MAX_WINDOW_BYTES)
				return this.connectionError(ERROR_CODE.flowControlError, "stream window");
		}
		if (delta > 0) this.flushBlocked();
		return !this.ended;
	}

	protected protocolError(reason: string): false {
		return this.connectionError(ERROR_CODE.protocolError, reason);
	}

	/** Says GOAWAY, tells every stream and the owner; always false. */
	protected connectionError(code: number, reason: string): false {
		if (this.ended) return false;
		this.goAway(code);
		this.end({ code, reason });
		return false;
	}

	/** Nothing more can be read or sent: tells every stream and the owner. */
	protected end(error: Http2Error): void {
		this.ended = true;
		this.stopReading();
		for (const stream of this.streams.list()) stream.abort(error.code, "protocol");
		this.owner.onSessionError(error);
	}

	protected flooded(reason: string): false {
		return this.connectionError(ERROR_CODE.enhanceYourCalm, reason);
	}

	protected write(type: number, text: string): void {
		if (this.ended) return;
		const flood = this.guard.onSend(type);
		if (flood === "") this.#output.send(text);
		else if (type !== FRAME.goAway) this.flooded(flood);
	}

	/** No more events from what comes in. */
	protected abstract stopReading(): void;
}
