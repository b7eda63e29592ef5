import type { CircuitBreakers, ClusterInfo, Host, UpstreamCluster } from "../cluster/cluster.ts";
import type { CodecError } from "../codec/codec-error.ts";
import type { HeadLimits } from "../codec/head-reader.ts";
import { SEEN } from "../codec/known-names.ts";
import { CHUNKED, TUNNEL } from "../codec/message-parser.ts";
import { ResponseParser, type ResponseSink } from "../codec/response-parser.ts";
import { formatLastChunk, formatRequestHead } from "../codec/serialise.ts";
import type { Transport } from "../codec/transport.ts";
import type { BytesMeter } from "../http/bytes-meter.ts";
import { Timer, type TimerOwner } from "../http/deadlines.ts";
import type { HeaderMap } from "../http/header-map.ts";
import { nextConnectionId, type TlsInfo } from "../http/info/connection-info.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import { type ConnectFailure, connectFailure } from "./connect-failure.ts";
import { type ConnectingUser, type ConnectionTarget, openTransport } from "./open-transport.ts";
import type { UpstreamChannel, UpstreamUser } from "./upstream-user.ts";

/** What a connection tells the pool that owns it. */
export interface ConnectionOwner {
	/** Connected, or free again after a request. */
	onFree(connection: Http1ClientConnection): void;
	/** Gone; when it never connected, `failure` says why. */
	onGone(connection: Http1ClientConnection, failure: ConnectFailure | undefined): void;
	onIdleTimer(connection: Http1ClientConnection): void;
}

/** Answers left over by a retry are read up to this many bytes to keep the connection; longer ones cost it. */
const MAX_DISCARD_BYTES = 64 * 1024;

/** One HTTP/1.1 connection to an endpoint; carries one request at a time. */
export class Http1ClientConnection implements UpstreamChannel, ConnectingUser, ResponseSink, TimerOwner {
	readonly host: Host;
	readonly cluster: UpstreamCluster;
	/** Where this connection is counted; undefined when it was opened beyond the limit. */
	readonly breakers: CircuitBreakers | undefined;
	/** Connect timeout, then idleness. */
	readonly timer: Timer = new Timer(this);
	readonly protocol = "HTTP/1.1";
	readonly connectionId = nextConnectionId();
	/** Known once connected. */
	tls: TlsInfo | undefined = undefined;
	connected = false;
	/** For the pool. */
	rosterPlace = -1;
	requests = 0;
	idleSinceMs = 0;
	/** When it was connected; kept by the pool while connections have a highest age. */
	connectedMs = 0;
	readonly #owner: ConnectionOwner;
	readonly #transport: Transport;
	readonly #parser: ResponseParser;
	#user: UpstreamUser | undefined = undefined;
	/** Body length of the current request. */
	#requestLength = 0;
	#requestDone = false;
	#responded = false;
	/** We end it. */
	#local = false;
	/** A request has begun and not both it and its answer are whole. */
	#busy = false;
	#reportedBytes = 0;
	#discardLeft = 0;
	#timedOut = false;
	#localAddress: string | undefined = undefined;
	/** Bytes sent before the current request. */
	#sentBefore = 0;
	/** Field lines of the current request. */
	#fieldBytes = 0;

	constructor(target: ConnectionTarget, breakers: CircuitBreakers | undefined, owner: ConnectionOwner) {
		this.host = target.host;
		this.cluster = target.cluster;
		this.breakers = breakers;
		this.#owner = owner;
		this.#parser = new ResponseParser(this, headLimits(target.cluster.info));
		this.#transport = openTransport(target, this);
	}

	get contentLength(): number {
		return this.#parser.contentLength;
	}

	get localAddress(): string {
		this.#localAddress ??= `${this.#transport.socket.localAddress}:${this.#transport.socket.localPort}`;
		return this.#localAddress;
	}

	get usable(): boolean {
		return this.connected && !this.#transport.closed;
	}

	/** Starts a request: `user` gets the events of its answer. */
	attach(user: UpstreamUser): void {
		this.#user = user;
		this.#requestDone = false;
		this.#responded = false;
		this.#busy = true;
		this.#transport.markWrites();
		this.#sentBefore = this.#transport.bytesQueued;
		this.requests++;
	}

	get congested(): boolean {
		return this.#transport.congested;
	}

	sendHead(request: RequestHead, length: number, upgrade: string): void {
		this.#requestLength = length;
		this.#parser.expect(request.method, upgrade !== "");
		// What is to become a tunnel has no length.
		if (upgrade !== "" && request.headers.get("content-length") === "0") request.headers.remove("content-length");
		const { http1HeaderCase, http1FullUrl } = this.cluster.info;
		const sent = http1FullUrl ? withFullUrl(request) : request;
		const head = formatRequestHead(sent, framingLine(request, length), http1HeaderCase);
		this.#fieldBytes = head.length - head.indexOf("\n") - 3;
		this.#transport.send(head);
	}

	sendBody(buf: Buffer, start: number, end: number): void {
		if (this.#requestLength === CHUNKED) {
			this.#transport.send(`${(end - start).toString(16)}\r\n`);
			this.#transport.sendBytes(buf, start, end);
			this.#transport.send("\r\n");
		} else this.#transport.sendBytes(buf, start, end);
	}

	sendEnd(trailers: HeaderMap | undefined): void {
		const sent = this.cluster.info.http1Trailers ? trailers : undefined;
		if (this.#requestLength === CHUNKED) this.#transport.send(formatLastChunk(sent));
		else if (this.#requestLength === TUNNEL) this.#transport.end();
		this.#requestDone = true;
	}

	measure(meter: BytesMeter): void {
		meter.wireSent = this.#transport.bytesQueued - this.#sentBefore;
		meter.headerSent = this.#fieldBytes;
		meter.plainHeaderSent = this.#fieldBytes;
		meter.wireReceived = this.#parser.bytes;
		meter.headerReceived = this.#parser.fieldBytes;
		meter.plainHeaderReceived = meter.headerReceived;
	}

	pauseReading(): void {
		this.#transport.pauseReading();
	}

	resumeReading(): void {
		this.#transport.resumeReading();
	}

	abandon(): void {
		const known = this.#user !== undefined && this.#requestDone && this.contentLength >= 0 && !this.#parser.idle;
		this.#user = undefined;
		this.#discardLeft = MAX_DISCARD_BYTES;
		if (this.#parser.ended) return;
		if (!known || this.contentLength > MAX_DISCARD_BYTES) this.close();
	}

	close(): void {
		this.#local = true;
		this.#user = undefined;
		this.#parser.stop();
		this.#transport.destroy();
	}

	onData(buf: Buffer, end: number): void {
		this.cluster.stats.upstreamCxRxBytesTotal.inc(end);
		const discarding = this.#user === undefined && this.#discardLeft > 0;
		if (this.#user === undefined && !discarding) {
			// An idle connection has nothing to say: what comes belongs to no request.
			this.close();
			return;
		}
		if (discarding) this.#discardLeft -= end;
		const reached = this.#parser.execute(buf, 0, end);
		if (this.#parser.ended) this.#answered(reached < end);
		else if (discarding && this.#discardLeft <= 0) this.close();
	}

	onEof(): void {
		const tunnel = this.#user !== undefined && this.contentLength === TUNNEL && !this.#parser.idle;
		this.#parser.finish();
		// What a tunnel still has to send goes out before its end.
		if (tunnel) this.#transport.end();
		else this.#transport.destroy();
	}

	onDrain(): void {
		this.#user?.onUpstreamDrain();
	}

	onClose(error: Error | undefined): void {
		this.timer.cancel();
		const user = this.#user;
		this.#user = undefined;
		this.#parser.stop();
		this.#countEnd();
		this.#owner.onGone(this, this.connected ? undefined : connectFailure(error, this.#timedOut));
		if (!user) return;
		const unsent = this.requests > 1 && this.#transport.nothingWritten;
		if (unsent) user.onReset("unsent", undefined);
		// Envoy takes a RST within an answer for a broken answer, a FIN for a connection that ended.
		else user.onReset(this.#responded && wasReset(error) ? this.#countProtocolError() : "terminated", undefined);
	}

	onTimer(): void {
		if (this.connected) this.#owner.onIdleTimer(this);
		else {
			this.#timedOut = true;
			this.#local = true;
			this.#transport.destroy();
		}
	}

	onResponse(head: ResponseHead): void {
		if ((this.#parser.seen & HOP_BY_HOP) !== 0) stripHopByHop(head);
		this.#responded = true;
		if (!this.#parser.keepAlive && this.#parser.saidClose) this.cluster.stats.upstreamCxCloseNotify.inc();
		this.#user?.onResponse(head);
	}

	onInformational(status: number, headers: HeaderMap): void {
		this.#user?.onInformational(status, headers);
	}

	onBody(buf: Buffer, start: number, end: number): void {
		this.#user?.onBody(buf, start, end);
	}

	onEnd(trailers: HeaderMap | undefined): void {
		const user = this.#user;
		this.#user = undefined;
		user?.onEnd(this.cluster.info.http1Trailers ? trailers : undefined);
	}

	onCodecError(error: CodecError): void {
		const user = this.#user;
		this.#countProtocolError();
		this.close();
		user?.onReset("protocol-error", error);
	}

	onConnect(tls: TlsInfo | undefined): void {
		this.tls = tls;
		this.connected = true;
		this.timer.cancel();
		this.#owner.onFree(this);
	}

	#countProtocolError(): "protocol-error" {
		this.cluster.stats.upstreamCxProtocolError.inc();
		return "protocol-error";
	}

	#countEnd(): void {
		const { stats } = this.cluster;
		this.#reportBytes();
		const local = this.#local;
		(local ? stats.upstreamCxDestroyLocal : stats.upstreamCxDestroyRemote).inc();
		if (!this.#busy) return;
		stats.upstreamCxDestroyWithActiveRq.inc();
		(local ? stats.upstreamCxDestroyLocalWithActiveRq : stats.upstreamCxDestroyRemoteWithActiveRq).inc();
	}

	#reportBytes(): void {
		const { bytesWritten } = this.#transport;
		this.cluster.stats.upstreamCxTxBytesTotal.inc(bytesWritten - this.#reportedBytes);
		this.#reportedBytes = bytesWritten;
	}

	/** The answer is complete: the connection is free again if both sides kept to the protocol. */
	#answered(tooMuch: boolean): void {
		this.#discardLeft = 0;
		this.#busy = !this.#requestDone;
		this.#reportBytes();
		if (tooMuch) this.#countProtocolError();
		if (tooMuch || !this.#parser.keepAlive || !this.#requestDone || this.#transport.closed) this.close();
		else {
			this.#parser.next();
			this.#owner.onFree(this);
		}
	}
}

const USUAL: HeadLimits = { maxHeadBytes: 80 * 1024, maxFields: 100 };
const USUAL_KEEPING_CASE: HeadLimits = { ...USUAL, keepsCase: true };

function headLimits({ http1HeaderCase, http1Limits: { maxBytes, maxFields } }: ClusterInfo): HeadLimits {
	const keepsCase = http1HeaderCase === "preserve";
	if (maxBytes === USUAL.maxHeadBytes && maxFields === USUAL.maxFields) return keepsCase ? USUAL_KEEPING_CASE : USUAL;
	return { maxHeadBytes: maxBytes, maxFields, keepsCase };
}

const BODILESS = new Set(["GET", "HEAD", "DELETE", "TRACE", "CONNECT"]);

/** The target in absolute form (RFC 9112 3.2.2). */
function withFullUrl({ method, path, authority, scheme, protocol, headers }: RequestHead): RequestHead {
	const target = method === "CONNECT" ? path : `${scheme}://${authority}${path}`;
	return { method, path: target, authority, scheme, protocol, headers };
}

/** The line that tells the body's length, where the request's own fields do not. */
function framingLine({ method, headers }: RequestHead, length: number): string {
	if (length === CHUNKED) return "transfer-encoding: chunked\r\n";
	// Where a body could be expected, its absence is told (RFC 9110 8.6; the same methods as in Envoy).
	return length === 0 && !BODILESS.has(method) && !headers.has("content-length") ? "content-length: 0\r\n" : "";
}

const HOP_BY_HOP = SEEN.connection | SEEN.hopByHop | SEEN.transferEncoding | SEEN.upgrade;

/** Takes off the fields that were meant for this hop; an answer that switches protocols keeps what says so. */
function stripHopByHop({ status, headers }: ResponseHead): void {
	if (status !== 101) {
		headers.remove("connection");
		headers.remove("upgrade");
	}
	headers.remove("transfer-encoding");
	headers.remove("keep-alive");
	headers.remove("proxy-connection");
}

function wasReset(error: Error | undefined): boolean {
	return (error as NodeJS.ErrnoException | undefined)?.code === "ECONNRESET";
}
