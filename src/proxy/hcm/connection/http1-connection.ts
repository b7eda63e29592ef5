import type { CodecError } from "../../codec/codec-error.ts";
import { TUNNEL } from "../../codec/message-parser.ts";
import { RequestParser, type RequestSink } from "../../codec/request-parser.ts";
import { formatResponseHead } from "../../codec/serialise.ts";
import { statusText } from "../../codec/status-text.ts";
import { batchWrites, Transport, type TransportUser } from "../../codec/transport.ts";
import type { BytesMeter } from "../../http/bytes-meter.ts";
import { Timer, type TimerOwner } from "../../http/deadlines.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import { type ConnectionInfo, plainConnection } from "../../http/info/connection-info.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { AcceptedSocket, HcmShared, LiveConnection } from "../hcm-shared.ts";
import { ServerStream } from "../stream/server-stream.ts";
import { brokenRequest, LATE_HEAD, LATE_REQUEST } from "./broken-request.ts";
import { ByteReport } from "./byte-report.ts";
import type { Exchange, RestartedRequest } from "./exchange.ts";
import { Http1ResponseWriter } from "./http1-response-writer.ts";
import { Http2Connection } from "./http2-connection.ts";
import { beginsHttp2 } from "./preface.ts";

/** How long a connection that is drained may wait for its first request. */
const FIRST_REQUEST_GRACE_MS = 1000;

/** A client's HTTP/1 connection: one stream at a time, pipelined requests wait. */
export class Http1Connection implements Exchange, LiveConnection, TransportUser, RequestSink, TimerOwner {
	readonly shared: HcmShared;
	readonly connection: ConnectionInfo;
	readonly bufferLimitBytes: number;
	rosterPlace = -1;
	readonly #transport: Transport;
	readonly #parser: RequestParser;
	readonly #writer: Http1ResponseWriter;
	readonly #accepted: AcceptedSocket;
	readonly #onClosed: () => void;
	/** Bytes have come that are HTTP/1. */
	#begun = false;
	/** Too few to tell. */
	#firstBytes: Buffer | undefined = undefined;
	/** No further request: the connection closes after the current answer. */
	#closing = false;
	/** The current request leaves no bytes behind that nobody asks for. */
	#takenWhole = false;
	/** Of the current stream. */
	#request: RequestHead = brokenRequest();
	readonly #startMs: number;
	/** Idleness, the arrival of a head, and the end of a closing connection, one after the other. */
	readonly #timer = new Timer(this);
	#lifeTimer: Timer | undefined = undefined;
	#stream: ServerStream | undefined = undefined;
	#waiting: Buffer | undefined = undefined;
	#parsing = false;
	#lingering = false;
	#timesHead = false;
	#requests = 0;
	/** Bytes sent before the current stream. */
	#sentBefore = 0;
	#idleSinceMs: number;
	readonly #bytes = new ByteReport();
	#local = false;

	constructor(shared: HcmShared, accepted: AcceptedSocket) {
		const { socket, connection, bufferLimitBytes, onClosed } = accepted;
		this.shared = shared;
		this.#accepted = accepted;
		this.bufferLimitBytes = bufferLimitBytes;
		this.#onClosed = onClosed;
		const { http1, timeouts } = shared.config;
		this.#startMs = shared.services.clock.nowMs();
		this.#idleSinceMs = this.#startMs;
		this.connection = connection ?? plainConnection(socket);
		this.#parser = new RequestParser(this, {
			limits: {
				maxHeadBytes: http1.maxHeadBytes,
				maxFields: http1.maxFields,
				keepsCase: http1.headerCase === "preserve",
			},
			acceptHttp10: http1.acceptHttp10,
			defaultHostForHttp10: http1.defaultHostForHttp10,
			allowCustomMethods: http1.allowCustomMethods,
			allowAbsoluteUrl: http1.allowAbsoluteUrl,
		});
		this.#transport = new Transport(socket, this, bufferLimitBytes, true);
		this.#writer = new Http1ResponseWriter(this.#transport, http1.headerCase);
		const { stats } = shared;
		stats.cxTotal.inc();
		stats.cxActive.add(1);
		if (timeouts.idleMs > 0) this.#arm(timeouts.idleMs);
		if (timeouts.maxConnectionDurationMs <= 0) return;
		this.#lifeTimer = new Timer(this);
		shared.services.deadlines.arm(this.#lifeTimer, timeouts.maxConnectionDurationMs);
	}

	get requestLength(): number {
		return this.#parser.contentLength;
	}

	get seen(): number {
		return this.#parser.seen;
	}

	get upgrade(): string {
		return this.#parser.upgrade;
	}

	get originForm(): boolean {
		return !this.#parser.absoluteForm;
	}

	endAfterAnswer(): void {
		this.#closing = true;
	}

	get expectsContinue(): boolean {
		return this.#parser.expectsContinue;
	}

	get congested(): boolean {
		return this.#transport.congested;
	}

	/** Finish what runs, then close. */
	drain(): void {
		this.#closing = true;
		if (this.#stream || !this.#parser.idle) return;
		// A client that has just connected has its first request on the way.
		if (this.#requests === 0) this.#arm(FIRST_REQUEST_GRACE_MS);
		else this.#drainClose();
	}

	#drainClose(): void {
		this.shared.stats.cxDrainClose.inc();
		batchWrites(() => this.#linger());
	}

	destroy(): void {
		this.#local = true;
		this.#transport.destroy();
	}

	onData(buf: Buffer, end: number): void {
		if (this.#lingering || (!this.#begun && !this.#begin(buf, end))) return;
		if (this.#waiting !== undefined || (this.#stream !== undefined && this.#parser.ended)) this.#wait(buf, 0, end);
		else this.#feed(buf, end);
	}

	onEof(): void {
		// As Envoy: a client that ends its side has gone, from a tunnel too.
		this.#transport.destroy();
	}

	onDrain(): void {
		this.#stream?.onDownstreamDrain();
	}

	onClose(): void {
		const { stats, connections, services } = this.shared;
		this.#timer.cancel();
		this.#lifeTimer?.cancel();
		this.#parser.stop();
		const stream = this.#stream;
		this.#stream = undefined;
		if (stream) {
			stats.cxDestroyActiveRq.inc();
			(this.#local ? stats.cxDestroyLocalActiveRq : stats.cxDestroyRemoteActiveRq).inc();
			stream.onDisconnect(this.#local);
		}
		this.#bytes.tell(this.#transport, this.shared.stats, this.connection);
		stats.cxActive.add(-1);
		if (this.#begun) stats.cxHttp1Active.add(-1);
		stats.cxDestroy.inc();
		(this.#local ? stats.cxDestroyLocal : stats.cxDestroyRemote).inc();
		stats.cxLengthMs.record(services.clock.nowMs() - this.#startMs);
		connections.delete(this);
		this.#onClosed();
	}

	onRequest(head: RequestHead): void {
		const { config, stats } = this.shared;
		this.#timesHead = false;
		this.#requests++;
		if (config.maxRequestsPerConnection > 0 && this.#requests >= config.maxRequestsPerConnection) {
			if (!this.#closing) stats.cxMaxRequestsReached.inc();
			this.#closing = true;
		}
		if (!this.#parser.keepAlive) this.#closing = true;
		this.#open(head).start();
	}

	onBody(buf: Buffer, start: number, end: number): void {
		this.#stream?.onRequestBody(buf, start, end);
	}

	onEnd(trailers: HeaderMap | undefined): void {
		this.#stream?.onRequestEnd(this.shared.config.http1.enableTrailers ? trailers : undefined);
	}

	onCodecError(error: CodecError): void {
		if (!error.wellFormed) this.shared.stats.cxProtocolError.inc();
		this.#closing = true;
		if (this.#stream) this.#stream.onCodecError(error);
		else this.#refuse(error);
	}

	onTimer(timer: Timer): void {
		if (timer === this.#lifeTimer) {
			this.shared.stats.cxMaxDurationReached.inc();
			if (this.shared.config.timeouts.endsAfterAnswerOnly) this.#closing = true;
			else this.drain();
		} else if (this.#lingering) {
			this.shared.stats.cxDelayedCloseTimeout.inc();
			this.destroy();
		} else if (this.#timesHead) this.#headTooLate();
		else if (!this.#stream) {
			if (this.#closing) this.#drainClose();
			else this.#checkIdle();
		} else this.#arm(this.shared.config.timeouts.idleMs);
	}

	beginTunnel(): void {
		this.#parser.beginTunnel();
	}

	sendInterim(status: number, headers: HeaderMap): void {
		if (this.#request.protocol !== "HTTP/1.0")
			this.#transport.send(formatResponseHead({ status, headers }, "", this.shared.config.http1.headerCase));
	}

	sendHead(response: ResponseHead, contentLength: number): void {
		// A request that was not received whole leaves bytes behind, and so may one that wanted to switch protocols.
		if (!this.#parser.ended || this.#parser.upgrade !== "" || this.shared.draining) this.#closing = true;
		if (!this.#closing && this.shared.services.loadShedding?.()?.endsKeepAlive()) {
			this.shared.stats.cxOverloadDisableKeepalive.inc();
			this.#closing = true;
		}
		this.#takenWhole =
			contentLength === TUNNEL || this.#takenWhole || (this.#parser.ended && this.#parser.upgrade === "");
		if (Http1ResponseWriter.needsClose(this.#request, contentLength)) this.#closing = true;
		this.#writer.head(this.#request, response, { contentLength, close: this.#closing });
	}

	sendBody(buf: Buffer, start: number, end: number): number {
		return this.#writer.body(buf, start, end);
	}

	sendEnd(trailers: HeaderMap | undefined): void {
		this.#writer.finish(this.shared.config.http1.enableTrailers ? trailers : undefined);
		if (!this.#parsing) this.#nextStream();
	}

	measure(meter: BytesMeter, trailers: HeaderMap | undefined, whole: boolean): void {
		meter.wireReceived = this.#parser.bytes;
		meter.headerReceived = this.#parser.fieldBytes;
		meter.plainHeaderReceived = meter.headerReceived;
		const sent = this.shared.config.http1.enableTrailers ? trailers : undefined;
		meter.wireSent = this.#transport.bytesQueued - this.#sentBefore + (whole ? this.#writer.endBytes(sent) : 0);
		meter.headerSent = this.#writer.fieldBytes;
		meter.plainHeaderSent = meter.headerSent;
	}

	/** As Envoy: the end of the connection, not a RST, tells that the answer is cut short. */
	reset(): void {
		this.#local = true;
		this.#linger();
	}

	pauseReading(): void {
		this.#transport.pauseReading();
	}

	resumeReading(): void {
		this.#transport.resumeReading();
	}

	/** The first bytes have come: with `codec_type: AUTO` they may be HTTP/2's. False when they are dealt with. */
	#begin(buf: Buffer, end: number): boolean {
		const bytes = this.#firstBytes === undefined ? buf : Buffer.concat([this.#firstBytes, buf.subarray(0, end)]);
		const length = this.#firstBytes === undefined ? end : bytes.length;
		const http2 = this.shared.config.codec === "auto" ? beginsHttp2(bytes, length) : "no";
		if (http2 === "maybe") {
			this.#firstBytes = Buffer.copyBytesFrom(bytes, 0, length);
			return false;
		}
		const kept = this.#firstBytes;
		this.#firstBytes = undefined;
		if (http2 === "yes") {
			this.#becomeHttp2(bytes, length);
			return false;
		}
		this.#begun = true;
		this.shared.stats.cxHttp1Total.inc();
		this.shared.stats.cxHttp1Active.add(1);
		if (kept === undefined) return true;
		this.onData(bytes, length);
		return false;
	}

	#becomeHttp2(buf: Buffer, end: number): void {
		this.#timer.cancel();
		this.#lifeTimer?.cancel();
		const { connections } = this.shared;
		connections.delete(this);
		const accepted = { ...this.#accepted, connection: this.connection };
		const begun = { transport: this.#transport, startMs: this.#startMs };
		const successor = new Http2Connection(this.shared, accepted, begun);
		connections.add(successor);
		if (this.shared.draining) successor.drain();
		successor.onData(buf, end);
	}

	restart(request: RequestHead, from: RestartedRequest): void {
		this.#open(request, from).startAgain(from);
	}

	#open(request: RequestHead, from?: RestartedRequest): ServerStream {
		const stream = new ServerStream(this, request, from);
		this.#request = request;
		this.#stream = stream;
		this.#takenWhole = false;
		this.#sentBefore = this.#transport.bytesQueued;
		return stream;
	}

	#feed(buf: Buffer, end: number): void {
		this.#parsing = true;
		let at = 0;
		while (at < end) {
			at = this.#parser.execute(buf, at, end);
			if (this.#stream?.done) this.#nextStream();
			if (this.#stream || this.#lingering) break;
		}
		this.#parsing = false;
		if (at < end && !this.#lingering && !this.#transport.closed) this.#wait(buf, at, end);
		else if (!this.#stream && !this.#parser.idle) this.#timeHead();
	}

	#nextStream(): void {
		this.#stream = undefined;
		this.#bytes.tell(this.#transport, this.shared.stats, this.connection);
		// Cut, and its end not told yet: nothing new begins.
		if (this.#transport.closed) return;
		if (this.#closing || !this.#parser.ended) {
			if (!this.#takenWhole) this.shared.stats.rqRxReset.inc();
			this.#linger();
			return;
		}
		this.#parser.next();
		this.#idleSinceMs = this.shared.services.clock.nowMs();
		const rest = this.#waiting;
		if (rest === undefined || this.#parsing) return;
		this.#waiting = undefined;
		this.#feed(rest, rest.length);
		if (this.#waiting === undefined) this.#transport.resumeReading();
	}

	/** Keeps bytes of requests that came before their turn; what is unread stays with the client. */
	#wait(buf: Buffer, start: number, end: number): void {
		const piece = Buffer.copyBytesFrom(buf, start, end - start);
		this.#waiting = this.#waiting === undefined ? piece : Buffer.concat([this.#waiting, piece]);
		this.#transport.pauseReading();
	}

	/** Ends our side and waits a while for the client's end, so that it gets the answer and not a RST. */
	#linger(): void {
		if (this.#lingering) return;
		this.#lingering = true;
		this.#local = true;
		this.#waiting = undefined;
		this.#parser.stop();
		this.#transport.end();
		this.#transport.resumeReading();
		const { delayedCloseMs } = this.shared.config.timeouts;
		if (delayedCloseMs > 0) this.#arm(delayedCloseMs);
		else this.#transport.destroy();
	}

	/** Bytes that are no request are answered without routes and filters. */
	#refuse(error: CodecError): void {
		const { status, details } = error;
		const head = error.wellFormed ? this.#parser.refusedHead : undefined;
		const stream = this.#open(head ?? brokenRequest());
		this.#takenWhole = head !== undefined;
		if (head) stream.refuse({ status, body: "", details }, true);
		else stream.refuse({ status, body: statusText(status), flag: "DPE", details }, false);
	}

	#timeHead(): void {
		const { requestHeadersMs, requestMs } = this.shared.config.timeouts;
		const limitMs = requestHeadersMs > 0 ? requestHeadersMs : requestMs;
		if (limitMs <= 0 || this.#timesHead) return;
		this.#timesHead = true;
		this.#arm(limitMs);
	}

	#headTooLate(): void {
		const { stats, config } = this.shared;
		const byHeaders = config.timeouts.requestHeadersMs > 0;
		(byHeaders ? stats.rqHeaderTimeout : stats.rqTimeout).inc();
		this.#closing = true;
		this.#parser.stop();
		batchWrites(() => this.#open(brokenRequest()).refuse(byHeaders ? LATE_HEAD : LATE_REQUEST, false));
	}

	#checkIdle(): void {
		const { idleMs } = this.shared.config.timeouts;
		const leftMs = idleMs - (this.shared.services.clock.nowMs() - this.#idleSinceMs);
		if (leftMs > 0) {
			this.#arm(Math.ceil(leftMs));
			return;
		}
		this.shared.stats.cxIdleTimeout.inc();
		this.#linger();
	}

	#arm(delayMs: number): void {
		this.shared.services.deadlines.arm(this.#timer, delayMs);
	}
}
