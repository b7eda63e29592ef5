import type { HeaderMap } from "../../http/header-map.ts";
import type { ResponseHead } from "../../http/message.ts";
import { ERROR_CODE } from "../frame/frame.ts";
import { type Http2Request, readRequest } from "../message/read-head.ts";
import { encodeResponse } from "../message/write-head.ts";
import { CLOSED } from "./closed-streams.ts";
import { Http2Session } from "./http2-session.ts";
import { Http2Stream } from "./http2-stream.ts";
import type { SessionSetup, SessionUser } from "./session-core.ts";

/** Why a request cannot be served: too many or too large fields, a field that may not be, or fields that do not go together. */
export type BadRequest = "too-large" | "field" | "message";

/** The owner of a connection from a client. */
export interface ServerSessionUser extends SessionUser {
	/** A request has come: set `stream.user`. `endStream`: it ends with its head; `onEnd` follows at once. */
	onRequest(stream: Http2Stream, request: Http2Request, endStream: boolean): void;
	/** A request has come that cannot be served: its fields are too large or malformed. It is refused when this returns. */
	onBadRequest(stream: Http2Stream, why: BadRequest): void;
}

/** The server's end of an HTTP/2 connection. */
export class ServerSession extends Http2Session {
	protected readonly owner: ServerSessionUser;
	/** We have said GOAWAY for good: streams above this one are not looked at. */
	#lastAccepted = Number.POSITIVE_INFINITY;

	constructor(setup: SessionSetup, owner: ServerSessionUser) {
		super(setup, "server");
		this.owner = owner;
	}

	override goAway(code: number, announce = false): void {
		super.goAway(code, announce);
		if (!announce) this.#lastAccepted = this.lastPeerStream;
	}

	/** An interim response. */
	inform(stream: Http2Stream, status: number, headers: HeaderMap): void {
		if (stream.localEnded) return;
		stream.noteSentBlock(this.writeBlock(stream.id, encodeResponse(this.encoder, status, headers), false));
	}

	/** The final response's head; with `endStream` that is all. */
	respond(stream: Http2Stream, { status, headers }: ResponseHead, endStream: boolean): void {
		if (stream.localEnded) return;
		stream.noteSentBlock(this.writeBlock(stream.id, encodeResponse(this.encoder, status, headers), endStream));
		if (endStream) stream.endLocal();
	}

	protected override onBlock(streamId: number, endStream: boolean): boolean {
		const stream = this.streams.get(streamId);
		if (stream !== undefined) return this.onTrailers(stream, endStream);
		if ((streamId & 1) === 0) return this.protocolError("a client's stream has an odd number");
		if (streamId <= this.lastPeerStream) return this.#onClosedStream(streamId);
		this.lastPeerStream = streamId;
		if (streamId > this.#lastAccepted) return true;
		return this.#open(streamId, endStream);
	}

	protected override isIdle(streamId: number): boolean {
		return streamId > this.lastPeerStream || (streamId & 1) === 0;
	}

	protected override refuseAbove(): void {
		// A client that says GOAWAY refuses pushes, of which there are none.
	}

	protected override notifyClosed(): void {
		this.owner.onStreamClosed();
	}

	#malformedRequest(stream: Http2Stream, reason: string): boolean {
		this.owner.onBadRequest(stream, this.section.malformed === "" ? "message" : "field");
		return this.malformed(stream, reason);
	}

	#onClosedStream(streamId: number): boolean {
		const how = this.closedStreams.of(streamId);
		if (how === CLOSED.resetByUs) return true;
		if (how === CLOSED.ended) return this.connectionError(ERROR_CODE.streamClosed, "HEADERS on a closed stream");
		return this.protocolError("stream number lower than the last one");
	}

	#open(streamId: number, endStream: boolean): boolean {
		const stream = new Http2Stream(streamId, this, this.peer.initialWindowBytes);
		const refused = this.streams.size >= this.options.maxConcurrentStreams;
		this.addStream(stream);
		stream.noteReceivedBlock(this.blockBytes);
		if (refused) {
			this.stats.streamRefusedErrors.inc();
			stream.reset(ERROR_CODE.refusedStream);
			return !this.ended;
		}
		if (this.section.tooLarge) {
			this.owner.onBadRequest(stream, "too-large");
			return this.tooLarge(stream);
		}
		const request = readRequest(this.section, this.options.allowConnect);
		if (typeof request === "string") return this.#malformedRequest(stream, request);
		stream.lengthLeft = request.contentLength;
		if (endStream && request.contentLength > 0) return this.#malformedRequest(stream, "content-length without DATA");
		// Known before the answer, which may be given at once.
		stream.remoteEnded = endStream;
		this.owner.onRequest(stream, request, endStream);
		if (!endStream || stream.closed) return !this.ended;
		return this.endOfMessage(stream, undefined);
	}
}
