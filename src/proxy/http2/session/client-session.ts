import type { RequestHead, ResponseHead } from "../../http/message.ts";
import { ERROR_CODE, MAX_WINDOW_BYTES } from "../frame/frame.ts";
import { readResponse } from "../message/read-head.ts";
import { encodeRequest } from "../message/write-head.ts";
import { CLOSED } from "./closed-streams.ts";
import { Http2Session } from "./http2-session.ts";
import { Http2Stream, type StreamUser } from "./http2-stream.ts";
import type { SessionSetup, SessionUser } from "./session-core.ts";

/** How a request goes out. */
export interface RequestManner {
	/** It ends with its head. */
	readonly endStream: boolean;
	/** Protocol of an upgrade, sent as extended CONNECT; "" for an ordinary request. */
	readonly upgrade: string;
}

/** The client's end of an HTTP/2 connection. */
export class ClientSession extends Http2Session {
	protected readonly owner: SessionUser;
	#nextStream = 1;

	constructor(setup: SessionSetup, owner: SessionUser) {
		super(setup, "client");
		this.owner = owner;
	}

	/** Sends our preface; once, before the first request. */
	override start(): void {
		super.start();
	}

	/** Streams that may be open at once, by our own limit and the peer's. */
	get streamLimit(): number {
		return Math.min(this.options.maxConcurrentStreams, this.peer.maxConcurrentStreams);
	}

	/** No further request can be sent: the numbers have run out, the peer said GOAWAY, or the session has ended. */
	get exhausted(): boolean {
		return this.ended || this.goAwayReceived || this.#nextStream > MAX_WINDOW_BYTES;
	}

	/** Sends a request's head; body, if there is one, by the stream's methods. */
	request(head: RequestHead, user: StreamUser, { endStream, upgrade }: RequestManner): Http2Stream {
		const stream = new Http2Stream(this.#nextStream, this, this.peer.initialWindowBytes);
		this.#nextStream += 2;
		stream.user = user;
		stream.bodiless = head.method === "HEAD";
		stream.upgrade = head.method === "CONNECT" ? "" : upgrade;
		this.addStream(stream);
		stream.noteSentBlock(this.writeBlock(stream.id, encodeRequest(this.encoder, head, upgrade), endStream));
		if (endStream) stream.endLocal();
		return stream;
	}

	protected override onBlock(streamId: number, endStream: boolean): boolean {
		const stream = this.streams.get(streamId);
		if (stream !== undefined)
			return stream.answered ? this.onTrailers(stream, endStream) : this.#onHead(stream, endStream);
		if (this.isIdle(streamId)) return this.protocolError("HEADERS on an idle stream");
		if (this.closedStreams.of(streamId) === CLOSED.ended)
			return this.connectionError(ERROR_CODE.streamClosed, "HEADERS on a closed stream");
		return true;
	}

	protected override isIdle(streamId: number): boolean {
		return (streamId & 1) === 0 || streamId >= this.#nextStream;
	}

	protected override refuseAbove(lastStreamId: number): void {
		for (const stream of this.streams.list())
			if (stream.id > lastStreamId) stream.abort(ERROR_CODE.refusedStream, "unprocessed");
	}

	protected override notifyClosed(): void {
		this.owner.onStreamClosed();
	}

	/** Envoy takes it for a reset of the endpoint's. */
	#answerTooLarge(stream: Http2Stream): boolean {
		(this.section.tooLong ? this.stats.headerListSizeTooLarge : this.stats.headerOverflow).inc();
		stream.fail(ERROR_CODE.internalError, "peer");
		return !this.ended;
	}

	#onHead(stream: Http2Stream, endStream: boolean): boolean {
		if (this.section.tooLarge) return this.#answerTooLarge(stream);
		stream.noteReceivedBlock(this.blockBytes);
		const head = readResponse(this.section);
		if (typeof head === "string") return this.malformed(stream, head);
		if (head.status < 200) {
			if (endStream) return this.malformed(stream, "interim response that ends the stream");
			stream.user?.onInformational(head.status, head.headers);
			return !this.ended;
		}
		stream.answered = true;
		const { contentLength } = this.section;
		const bodiless = stream.bodiless || head.status === 304 || head.status === 204;
		if (endStream && contentLength > 0 && !bodiless) return this.malformed(stream, "content-length without DATA");
		stream.lengthLeft = bodiless ? 0 : contentLength;
		if (stream.upgrade !== "" && head.status === 200) acceptUpgrade(head, stream.upgrade);
		stream.user?.onResponse(head, endStream ? 0 : contentLength);
		if (!endStream || stream.closed) return !this.ended;
		stream.lengthLeft = -1;
		stream.remoteEnded = true;
		return this.endOfMessage(stream, undefined);
	}
}

/** The answer to an extended CONNECT as the HTTP/1 answer to the upgrade (Envoy: transformUpgradeResponseFromH2toH1). */
function acceptUpgrade(head: ResponseHead, upgrade: string): void {
	head.status = 101;
	head.headers.set("connection", "upgrade");
	head.headers.set("upgrade", upgrade);
	head.headers.remove("content-length");
}
