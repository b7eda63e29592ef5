import { SEEN } from "../../codec/known-names.ts";
import { CHUNKED, TUNNEL } from "../../codec/message-parser.ts";
import { batchWrites } from "../../codec/transport.ts";
import type { BytesMeter } from "../../http/bytes-meter.ts";
import { Timer, type TimerOwner } from "../../http/deadlines.ts";
import { requestHeadSize, responseHeadSize } from "../../http/head-size.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import { ERROR_CODE } from "../../http2/frame/frame.ts";
import type { Http2Request } from "../../http2/message/read-head.ts";
import type { Http2Stream, ResetOrigin, StreamUser } from "../../http2/session/http2-stream.ts";
import type { ServerSession } from "../../http2/session/server-session.ts";
import type { HcmShared } from "../hcm-shared.ts";
import { ServerStream } from "../stream/server-stream.ts";
import type { Exchange, RestartedRequest } from "./exchange.ts";

/** A connection as its exchanges use it. */
export interface Http2ExchangeHost {
	readonly shared: HcmShared;
	readonly connection: ConnectionInfo;
	readonly bufferLimitBytes: number;
	readonly session: ServerSession;
	/** We closed the connection ourselves. */
	readonly closedByUs: boolean;
	/** The client gave a stream up before it was answered. */
	onClientReset(startMs: number): void;
}

/** One stream of a client's HTTP/2 connection, from its request to its end. */
export class Http2Exchange implements Exchange, StreamUser, TimerOwner {
	readonly shared: HcmShared;
	readonly connection: ConnectionInfo;
	readonly bufferLimitBytes: number;
	readonly requestLength: number;
	readonly seen: number;
	readonly upgrade: string;
	stream: ServerStream;
	readonly #host: Http2ExchangeHost;
	readonly #stream: Http2Stream;
	readonly #isHead: boolean;
	readonly #plainHeaderBytes: number;
	#bodiless = false;
	#flushTimer: Timer | undefined = undefined;

	constructor(host: Http2ExchangeHost, stream: Http2Stream, { head, upgrade, seen, contentLength }: Http2Request) {
		this.shared = host.shared;
		this.connection = host.connection;
		this.bufferLimitBytes = host.bufferLimitBytes;
		this.requestLength = requestLength(upgrade, contentLength);
		this.seen = seen;
		this.upgrade = upgrade === "connect" ? "" : upgrade;
		this.#host = host;
		this.#stream = stream;
		this.#isHead = head.method === "HEAD";
		this.#plainHeaderBytes = this.shared.services.metering?.wanted ? requestHeadSize(head) : 0;
		stream.endsWithUs = true;
		this.stream = new ServerStream(this, head);
	}

	get expectsContinue(): boolean {
		if ((this.seen & SEEN.expect) === 0) return false;
		return this.stream.request.headers.get("expect")?.toLowerCase() === "100-continue";
	}

	get congested(): boolean {
		return this.#stream.congested;
	}

	beginTunnel(): void {
		// DATA frames carry the tunnel as they carry a body.
	}

	sendInterim(status: number, headers: HeaderMap): void {
		this.#host.session.inform(this.#stream, status, headers);
	}

	sendHead(response: ResponseHead, contentLength: number): void {
		const { status } = response;
		this.#bodiless = this.#isHead || status === 204 || status === 304;
		const ends = contentLength === 0 || this.#bodiless;
		this.#host.session.respond(this.#stream, response, ends);
	}

	sendBody(buf: Buffer, start: number, end: number): number {
		if (this.#bodiless) return 0;
		this.#stream.sendData(buf, start, end);
		return end - start;
	}

	sendEnd(trailers: HeaderMap | undefined): void {
		// As Envoy counts: the rest of the request is refused by a reset.
		if (!this.#stream.remoteEnded) this.shared.stats.rqRxReset.inc();
		this.#stream.finish(trailers);
		const { streamIdleMs } = this.shared.config.timeouts;
		if (!this.#stream.waiting || streamIdleMs <= 0) return;
		// Nobody else watches a stream that is answered whole: a client that never opens its window would keep the rest here.
		this.#flushTimer = new Timer(this);
		this.shared.services.deadlines.arm(this.#flushTimer, streamIdleMs);
	}

	onSent(): void {
		this.#flushTimer?.cancel();
	}

	onTimer(): void {
		this.shared.http2Stats.txFlushTimeout.inc();
		batchWrites(() => this.#stream.reset(ERROR_CODE.internalError));
	}

	restart(request: RequestHead, from: RestartedRequest): void {
		this.stream = new ServerStream(this, request, from);
		this.stream.startAgain(from);
	}

	measure(meter: BytesMeter, trailers: HeaderMap | undefined, whole: boolean): void {
		const stream = this.#stream;
		const { response } = this.stream;
		meter.wireReceived = stream.receivedBytes;
		meter.headerReceived = stream.receivedBlockBytes;
		meter.plainHeaderReceived = this.#plainHeaderBytes;
		meter.wireSent = stream.sentBytes + (whole ? stream.pendingBytes(trailers) : 0);
		meter.headerSent = stream.sentBlockBytes;
		meter.plainHeaderSent = response ? responseHeadSize(response) : 0;
	}

	reset(): void {
		this.shared.stats.rqRxReset.inc();
		this.#stream.reset(ERROR_CODE.internalError);
	}

	pauseReading(): void {
		this.#stream.pause();
	}

	resumeReading(): void {
		this.#stream.resume();
	}

	onData(buf: Buffer, start: number, end: number): void {
		this.stream.onRequestBody(buf, start, end);
	}

	onEnd(trailers: HeaderMap | undefined): void {
		this.stream.onRequestEnd(trailers);
	}

	onReset(_code: number, origin: ResetOrigin): void {
		this.#flushTimer?.cancel();
		if (origin === "connection") this.stream.onDisconnect(this.#host.closedByUs);
		else if (origin === "peer") {
			this.#host.onClientReset(this.stream.info.startMs);
			this.stream.onStreamReset("DR", "http2.remote_reset");
		} else this.stream.onStreamReset("DPE", "http2.protocol_error");
	}

	onDrain(): void {
		this.stream.onDownstreamDrain();
	}

	onResponse(): void {
		throw new Error("a response came to a server's stream");
	}

	onInformational(): void {
		throw new Error("a response came to a server's stream");
	}
}

/** As an HTTP/1 request of the same meaning has it: an upgrade has no body before it is accepted. */
function requestLength(upgrade: string, contentLength: number): number {
	if (upgrade === "connect") return TUNNEL;
	if (upgrade !== "") return 0;
	return contentLength < 0 ? CHUNKED : contentLength;
}
