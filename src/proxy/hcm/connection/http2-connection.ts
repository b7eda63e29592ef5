import { batchWrites, Transport, type TransportUser } from "../../codec/transport.ts";
import { Timer, type TimerOwner } from "../../http/deadlines.ts";
import { HeaderMap } from "../../http/header-map.ts";
import { type ConnectionInfo, plainConnection } from "../../http/info/connection-info.ts";
import type { LocalReply } from "../../http/message.ts";
import { ERROR_CODE } from "../../http2/frame/frame.ts";
import type { Http2Request } from "../../http2/message/read-head.ts";
import { ConnectionKeepalive, type KeepaliveOwner } from "../../http2/session/connection-keepalive.ts";
import type { Http2Stream } from "../../http2/session/http2-stream.ts";
import { type BadRequest, ServerSession, type ServerSessionUser } from "../../http2/session/server-session.ts";
import type { AcceptedSocket, HcmShared, LiveConnection } from "../hcm-shared.ts";
import { ByteReport } from "./byte-report.ts";
import { Http2Exchange, type Http2ExchangeHost } from "./http2-exchange.ts";

const OPEN = 0;
/** The client has been told to open no more streams; those that are on their way are still taken. */
const DRAINING = 1;
/** The last GOAWAY is out: the connection ends with its last stream. */
const LAST_STREAMS = 2;
const LINGERING = 3;

/** Of this many streams (Envoy: overload.premature_reset_totalstream_count) no more than half may be given up ... */
const PREMATURE_RESETS_LOOKED_AT = 500;
/** ... within this time of their begin (overload.premature_reset_minstream_lifetime_seconds). */
const PREMATURE_MS = 1000;

/** Envoy's words (Http2ResponseCodeDetails). */
const BAD_REQUEST_DETAILS: Readonly<Record<BadRequest, string>> = {
	"too-large": "http2.too_many_headers",
	field: "http2.invalid.header.field",
	message: "http2.violation.of.messaging.rule",
};

/** A connection that was read from already: what its first reader hands on. */
export interface BegunConnection {
	readonly transport: Transport;
	readonly startMs: number;
}

/** A client's HTTP/2 connection. */
export class Http2Connection
	implements LiveConnection, TransportUser, ServerSessionUser, Http2ExchangeHost, KeepaliveOwner, TimerOwner
{
	readonly shared: HcmShared;
	readonly connection: ConnectionInfo;
	readonly bufferLimitBytes: number;
	readonly session: ServerSession;
	closedByUs = false;
	rosterPlace = -1;
	readonly #transport: Transport;
	readonly #onClosed: () => void;
	readonly #startMs: number;
	/** Idleness, then the pause between the two GOAWAYs, then the end of a closing connection. */
	readonly #timer = new Timer(this);
	#lifeTimer: Timer | undefined = undefined;
	#keepalive: ConnectionKeepalive | undefined = undefined;
	#state = OPEN;
	#requests = 0;
	#closedStreams = 0;
	#prematureResets = 0;
	#idleSinceMs: number;
	readonly #bytes = new ByteReport();

	constructor(shared: HcmShared, accepted: AcceptedSocket, begun?: BegunConnection) {
		const { socket, connection, bufferLimitBytes, onClosed } = accepted;
		this.shared = shared;
		this.connection = connection ?? plainConnection(socket);
		this.bufferLimitBytes = bufferLimitBytes;
		this.#onClosed = onClosed;
		const { clock, deadlines } = shared.services;
		const { http1, http2, timeouts } = shared.config;
		const nowMs = clock.nowMs();
		this.#startMs = begun?.startMs ?? nowMs;
		this.#idleSinceMs = nowMs;
		this.#transport = begun?.transport ?? new Transport(socket, this, bufferLimitBytes, true);
		begun?.transport.handOver(this);
		this.session = new ServerSession(
			{
				options: http2,
				limits: { maxBytes: http1.maxHeadBytes, maxFields: http1.maxFields },
				output: this.#transport,
				stats: shared.http2Stats,
				streamBufferBytes: bufferLimitBytes,
			},
			this,
		);
		this.#count(begun === undefined);
		if (timeouts.idleMs > 0) this.#arm(timeouts.idleMs);
		if (timeouts.maxConnectionDurationMs > 0) {
			this.#lifeTimer = new Timer(this);
			const spentMs = nowMs - this.#startMs;
			deadlines.arm(this.#lifeTimer, Math.max(1, timeouts.maxConnectionDurationMs - spentMs));
		}
		if (http2.keepalive) this.#keepalive = new ConnectionKeepalive(http2.keepalive, this, shared.services);
	}

	/** Finish what runs, then close: GOAWAY twice, so that no stream is lost on its way (RFC 9113 6.8). */
	drain(): void {
		if (this.#state !== OPEN) return;
		this.shared.stats.cxDrainClose.inc();
		batchWrites(() => this.#startDrain());
	}

	destroy(): void {
		this.closedByUs = true;
		this.#transport.destroy();
	}

	onData(buf: Buffer, end: number): void {
		if (this.#state === LINGERING) return;
		this.#keepalive?.onActivity();
		this.session.receive(buf, 0, end);
	}

	onEof(): void {
		this.#transport.destroy();
	}

	onDrain(): void {
		this.session.onOutputDrain();
	}

	onClose(): void {
		const { stats, connections, services } = this.shared;
		this.#timer.cancel();
		this.#lifeTimer?.cancel();
		this.#keepalive?.stop();
		this.session.close();
		this.#bytes.tell(this.#transport, this.shared.stats, this.connection);
		stats.cxActive.add(-1);
		stats.cxHttp2Active.add(-1);
		stats.cxDestroy.inc();
		(this.closedByUs ? stats.cxDestroyLocal : stats.cxDestroyRemote).inc();
		stats.cxLengthMs.record(services.clock.nowMs() - this.#startMs);
		connections.delete(this);
		this.#onClosed();
	}

	onRequest(stream: Http2Stream, request: Http2Request, endStream: boolean): void {
		const { config, stats } = this.shared;
		this.#requests++;
		if (config.maxRequestsPerConnection > 0 && this.#requests >= config.maxRequestsPerConnection) {
			if (this.#state === OPEN) stats.cxMaxRequestsReached.inc();
			this.#startDrain();
		}
		const whole = endStream ? { ...request, contentLength: 0 } : request;
		const exchange = new Http2Exchange(this, stream, whole);
		stream.user = exchange;
		const refusal = refusalOf(request);
		if (refusal) exchange.stream.refuse(refusal, endStream);
		else exchange.stream.start();
	}

	/** Envoy has begun a stream by then: it is counted and logged. */
	onBadRequest(stream: Http2Stream, why: BadRequest): void {
		const exchange = new Http2Exchange(this, stream, unreadableRequest());
		exchange.stream.onStreamReset(why === "too-large" ? "DR" : "DPE", BAD_REQUEST_DETAILS[why]);
	}

	onSettings(): void {
		// Windows and limits are the session's business.
	}

	onGoAway(): void {
		// A client that leaves finishes its streams and closes.
	}

	onPingAck(): void {
		this.#keepalive?.onPingAck();
	}

	onStreamClosed(): void {
		this.#closedStreams++;
		if (this.session.activeStreams > 0) return;
		this.#bytes.tell(this.#transport, this.shared.stats, this.connection);
		if (this.#state === LAST_STREAMS) this.#linger();
		else this.#idleSinceMs = this.shared.services.clock.nowMs();
	}

	onSessionError(): void {
		this.shared.stats.cxProtocolError.inc();
		this.#linger();
	}

	/** Many requests that are taken back at once are an attack (rapid reset, CVE-2023-44487). */
	onClientReset(startMs: number): void {
		if (this.shared.services.clock.nowMs() - startMs >= PREMATURE_MS) return;
		this.#prematureResets++;
		const looked = this.#closedStreams >= PREMATURE_RESETS_LOOKED_AT;
		if (!looked || this.#prematureResets * 2 < this.#closedStreams || this.#state === LINGERING) return;
		this.shared.stats.rqTooManyPrematureResets.inc();
		this.session.goAway(ERROR_CODE.enhanceYourCalm);
		this.closedByUs = true;
		this.#transport.flush();
		this.#transport.destroy();
	}

	ping(payload: string): void {
		batchWrites(() => this.session.ping(payload));
	}

	onKeepaliveTimeout(): void {
		this.shared.http2Stats.keepaliveTimeout.inc();
		this.destroy();
	}

	onTimer(timer: Timer): void {
		batchWrites(() => (timer === this.#lifeTimer ? this.#tooOld() : this.#timeUp()));
	}

	#tooOld(): void {
		if (this.#state === OPEN) this.shared.stats.cxMaxDurationReached.inc();
		this.#startDrain();
	}

	#timeUp(): void {
		switch (this.#state) {
			case OPEN:
				this.#checkIdle();
				break;
			case DRAINING:
				this.session.goAway(ERROR_CODE.noError);
				this.#state = LAST_STREAMS;
				if (this.session.activeStreams === 0) this.#linger();
				break;
			case LINGERING:
				this.shared.stats.cxDelayedCloseTimeout.inc();
				this.destroy();
				break;
			default:
		}
	}

	#startDrain(): void {
		if (this.#state !== OPEN) return;
		this.#state = DRAINING;
		this.session.goAway(ERROR_CODE.noError, true);
		this.#arm(Math.max(1, this.shared.config.timeouts.drainMs));
	}

	#checkIdle(): void {
		const { idleMs } = this.shared.config.timeouts;
		const active = this.session.activeStreams > 0;
		const leftMs = active ? idleMs : idleMs - (this.shared.services.clock.nowMs() - this.#idleSinceMs);
		if (leftMs > 0) {
			this.#arm(Math.ceil(leftMs));
			return;
		}
		this.shared.stats.cxIdleTimeout.inc();
		this.#startDrain();
	}

	/** Ends our side and waits a while for the client's end, so that it gets the last frames and not a RST. */
	#linger(): void {
		if (this.#state === LINGERING) return;
		this.#state = LINGERING;
		this.closedByUs = true;
		this.#keepalive?.stop();
		this.#transport.end();
		const { delayedCloseMs } = this.shared.config.timeouts;
		if (delayedCloseMs > 0) this.#arm(delayedCloseMs);
		else this.#transport.destroy();
	}

	#arm(delayMs: number): void {
		this.shared.services.deadlines.arm(this.#timer, delayMs);
	}

	#count(isNew: boolean): void {
		const { stats } = this.shared;
		if (isNew) {
			stats.cxTotal.inc();
			stats.cxActive.add(1);
		}
		stats.cxHttp2Total.inc();
		stats.cxHttp2Active.add(1);
	}
}

/** Stands for a request that could not be read. */
function unreadableRequest(): Http2Request {
	const head = { method: "", path: "", authority: "", scheme: "http", protocol: "HTTP/2" } as const;
	return { head: { ...head, headers: new HeaderMap() }, upgrade: "", seen: 0, contentLength: 0 };
}

/** What is well-formed HTTP/2 and may not go on all the same (as Envoy's connection manager refuses it). */
function refusalOf({ head }: Http2Request): LocalReply | undefined {
	if (head.authority === "") return { status: 400, body: "", details: "missing_host_header" };
	if (head.path === "*") return { status: 404, body: "", details: "absolute_path_rejected" };
	if (head.path.includes("#")) return { status: 400, body: "", details: "path_normalization_failed" };
	return undefined;
}
