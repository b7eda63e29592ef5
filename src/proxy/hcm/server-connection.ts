import type { CodecError } from "../codec/codec-error.ts";
import { RequestParser, type RequestSink } from "../codec/request-parser.ts";
import { formatResponseHead } from "../codec/serialise.ts";
import { statusText } from "../codec/status-text.ts";
import { batchWrites, Transport, type TransportUser } from "../codec/transport.ts";
import { Timer, type TimerOwner } from "../http/deadlines.ts";
import { HeaderMap } from "../http/header-map.ts";
import type { RequestHead } from "../http/message.ts";
import type { AcceptedSocket, HcmShared, LiveConnection } from "./hcm-shared.ts";
import type { Peer } from "./request-headers.ts";
import { ServerStream } from "./server-stream.ts";
import type { StreamHost } from "./stream-host.ts";

/** A client's connection: one stream at a time, pipelined requests wait. */
export class ServerConnection implements StreamHost, LiveConnection, TransportUser, RequestSink, TimerOwner {
	readonly shared: HcmShared;
	readonly transport: Transport;
	readonly parser: RequestParser;
	readonly peer: Peer;
	readonly remoteAddress: string;
	readonly localAddress: string;
	closing = false;
	readonly #onClosed: () => void;
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
	#idleSinceMs: number;
	#reportedIn = 0;
	#reportedOut = 0;
	#local = false;

	constructor(shared: HcmShared, { socket, bufferLimitBytes, onClosed }: AcceptedSocket) {
		this.shared = shared;
		this.#onClosed = onClosed;
		const { http1, timeouts } = shared.config;
		this.#startMs = shared.services.clock.nowMs();
		this.#idleSinceMs = this.#startMs;
		const remoteIp = plainIp(socket.remoteAddress ?? "");
		this.remoteAddress = `${remoteIp}:${socket.remotePort ?? 0}`;
		this.localAddress = `${plainIp(socket.localAddress ?? "")}:${socket.localPort ?? 0}`;
		this.peer = { remoteIp, localPort: socket.localPort ?? 0, nodeIp: shared.services.localAddress, tls: false };
		this.parser = new RequestParser(this, {
			limits: { maxHeadBytes: http1.maxHeadBytes, maxFields: http1.maxFields },
			acceptHttp10: http1.acceptHttp10,
			defaultHostForHttp10: http1.defaultHostForHttp10,
			allowCustomMethods: http1.allowCustomMethods,
		});
		this.transport = new Transport(socket, this, bufferLimitBytes, true);
		const { stats } = shared;
		stats.cxTotal.inc();
		stats.cxHttp1Total.inc();
		stats.cxActive.add(1);
		stats.cxHttp1Active.add(1);
		if (timeouts.idleMs > 0) this.#arm(timeouts.idleMs);
		if (timeouts.maxConnectionDurationMs <= 0) return;
		this.#lifeTimer = new Timer(this);
		shared.services.deadlines.arm(this.#lifeTimer, timeouts.maxConnectionDurationMs);
	}

	/** Finish what runs, then close. */
	drain(): void {
		this.closing = true;
		if (this.#stream || !this.parser.idle) return;
		this.shared.stats.cxDrainClose.inc();
		batchWrites(() => this.#linger());
	}

	destroy(): void {
		this.#local = true;
		this.transport.destroy();
	}

	onData(buf: Buffer, end: number): void {
		if (this.#lingering) return;
		if (this.#waiting !== undefined || (this.#stream !== undefined && this.parser.ended)) this.#wait(buf, 0, end);
		else this.#feed(buf, end);
	}

	onEof(): void {
		const stream = this.#stream;
		if (!stream) this.transport.destroy();
		else if (stream.tunnelling) stream.onRequestEnd(undefined);
		else {
			// As Envoy: a client that ends its side has gone.
			this.transport.destroy();
		}
	}

	onDrain(): void {
		this.#stream?.onDownstreamDrain();
	}

	onClose(): void {
		const { stats, connections, services } = this.shared;
		this.#timer.cancel();
		this.#lifeTimer?.cancel();
		this.parser.stop();
		const stream = this.#stream;
		this.#stream = undefined;
		stream?.onDisconnect(this.#local);
		this.#reportBytes();
		stats.cxActive.add(-1);
		stats.cxHttp1Active.add(-1);
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
			if (!this.closing) stats.cxMaxRequestsReached.inc();
			this.closing = true;
		}
		if (!this.parser.keepAlive) this.closing = true;
		const stream = new ServerStream(this, head);
		this.#stream = stream;
		stream.start();
	}

	onBody(buf: Buffer, start: number, end: number): void {
		this.#stream?.onRequestBody(buf, start, end);
	}

	onEnd(trailers: HeaderMap | undefined): void {
		this.#stream?.onRequestEnd(this.shared.config.http1.enableTrailers ? trailers : undefined);
	}

	onCodecError(error: CodecError): void {
		if (!error.wellFormed) this.shared.stats.cxProtocolError.inc();
		this.closing = true;
		if (this.#stream) this.#stream.onCodecError(error);
		else this.#refuse(error);
	}

	onTimer(timer: Timer): void {
		if (timer === this.#lifeTimer) {
			this.shared.stats.cxMaxDurationReached.inc();
			this.drain();
		} else if (this.#lingering) {
			this.shared.stats.cxDelayedCloseTimeout.inc();
			this.destroy();
		} else if (this.#timesHead) this.#headTooLate();
		else if (!this.#stream) this.#checkIdle();
		else this.#arm(this.shared.config.timeouts.idleMs);
	}

	/** More requests follow only if this one was also received whole. */
	onStreamDone(): void {
		if (!this.#parsing) this.#nextStream();
	}

	cut(): void {
		this.#local = true;
		this.transport.flush();
		this.transport.reset();
	}

	#feed(buf: Buffer, end: number): void {
		this.#parsing = true;
		let at = 0;
		while (at < end) {
			at = this.parser.execute(buf, at, end);
			if (this.#stream?.done) this.#nextStream();
			if (this.#stream || this.#lingering) break;
		}
		this.#parsing = false;
		if (at < end && !this.#lingering && !this.transport.closed) this.#wait(buf, at, end);
		else if (!this.#stream && !this.parser.idle) this.#timeHead();
	}

	#nextStream(): void {
		this.#stream = undefined;
		this.#reportBytes();
		// Cut, and its end not told yet: nothing new begins.
		if (this.transport.closed) return;
		if (this.closing || !this.parser.ended) {
			this.#linger();
			return;
		}
		this.parser.next();
		this.#idleSinceMs = this.shared.services.clock.nowMs();
		const rest = this.#waiting;
		if (rest === undefined || this.#parsing) return;
		this.#waiting = undefined;
		this.#feed(rest, rest.length);
		if (this.#waiting === undefined) this.transport.resumeReading();
	}

	/** Keeps bytes of requests that came before their turn; what is unread stays with the client. */
	#wait(buf: Buffer, start: number, end: number): void {
		const piece = Buffer.copyBytesFrom(buf, start, end - start);
		this.#waiting = this.#waiting === undefined ? piece : Buffer.concat([this.#waiting, piece]);
		this.transport.pauseReading();
	}

	/** Ends our side and waits a while for the client's end, so that it gets the answer and not a RST. */
	#linger(): void {
		if (this.#lingering) return;
		this.#lingering = true;
		this.#local = true;
		this.#waiting = undefined;
		this.parser.stop();
		this.transport.end();
		this.transport.resumeReading();
		const { delayedCloseMs } = this.shared.config.timeouts;
		if (delayedCloseMs > 0) this.#arm(delayedCloseMs);
		else this.transport.destroy();
	}

	/** Bytes that are no request are answered without routes and filters. */
	#refuse(error: CodecError): void {
		const stream = new ServerStream(this, brokenRequest());
		this.#stream = stream;
		const { status, details } = error;
		stream.refuse(
			error.wellFormed ? { status, body: "", details } : { status, body: statusText(status), flag: "DPE", details },
		);
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
		this.closing = true;
		this.parser.stop();
		const body = byHeaders ? "request header timeout" : "request timeout";
		const details = byHeaders ? "request_header_timeout" : "request_overall_timeout";
		batchWrites(() => {
			this.#stream = new ServerStream(this, brokenRequest());
			this.#stream.refuse({ status: 408, body, flag: undefined, details });
		});
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

	#reportBytes(): void {
		const { bytesRead, bytesWritten } = this.transport;
		this.shared.stats.cxRxBytesTotal.inc(bytesRead - this.#reportedIn);
		this.shared.stats.cxTxBytesTotal.inc(bytesWritten - this.#reportedOut);
		this.#reportedIn = bytesRead;
		this.#reportedOut = bytesWritten;
	}

	sendInterim(status: number, headers: HeaderMap): void {
		this.transport.send(formatResponseHead({ status, headers }, ""));
	}
}

/** Stands for a request that could not be read. */
function brokenRequest(): RequestHead {
	return {
		method: "",
		path: "",
		authority: "",
		scheme: "http",
		protocol: "HTTP/1.1",
		headers: new HeaderMap(),
	};
}

/** `::ffff:127.0.0.1` → `127.0.0.1`. */
function plainIp(ip: string): string {
	return ip.startsWith("::ffff:") ? ip.slice(7) : ip;
}
