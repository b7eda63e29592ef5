import type { CircuitBreakers, Host, UpstreamCluster } from "../cluster/cluster.ts";
import type { Transport } from "../codec/transport.ts";
import { Timer, type TimerOwner } from "../http/deadlines.ts";
import { nextConnectionId, type TlsInfo } from "../http/info/connection-info.ts";
import type { RequestHead } from "../http/message.ts";
import { ClientSession, type RequestManner } from "../http2/session/client-session.ts";
import { ConnectionKeepalive, type KeepaliveOwner } from "../http2/session/connection-keepalive.ts";
import type { Http2Stream, StreamUser } from "../http2/session/http2-stream.ts";
import type { SessionUser } from "../http2/session/session-core.ts";
import { type ConnectFailure, connectFailure } from "./connect-failure.ts";
import type { UpstreamContext } from "./host-pool.ts";
import { Http2ClientStream, type StreamOpener } from "./http2-client-stream.ts";
import { type ConnectingUser, type ConnectionTarget, openTransport } from "./open-transport.ts";
import type { UpstreamUser } from "./upstream-user.ts";

/** What a connection tells the pool that owns it. */
export interface Http2ConnectionOwner {
	onConnected(connection: Http2ClientConnection): void;
	/** A stream has ended, or the endpoint allows more of them. */
	onRoom(connection: Http2ClientConnection): void;
	/** Gone; when it never connected, `failure` says why. */
	onGone(connection: Http2ClientConnection, failure: ConnectFailure | undefined): void;
	onIdleTimer(connection: Http2ClientConnection): void;
}

/** One HTTP/2 connection to an endpoint, for as many requests at once as both sides allow. */
export class Http2ClientConnection implements ConnectingUser, SessionUser, StreamOpener, KeepaliveOwner, TimerOwner {
	readonly host: Host;
	readonly cluster: UpstreamCluster;
	/** Where this connection is counted; undefined when it was opened beyond the limit. */
	readonly breakers: CircuitBreakers | undefined;
	/** Connect timeout, then idleness. */
	readonly timer: Timer = new Timer(this);
	readonly connectionId = nextConnectionId();
	connected = false;
	/** Known once connected. */
	tls: TlsInfo | undefined = undefined;
	/** Finishes its streams and takes no new ones. */
	draining = false;
	requests = 0;
	idleSinceMs = 0;
	connectedMs = 0;
	readonly #owner: Http2ConnectionOwner;
	readonly #context: UpstreamContext;
	readonly #transport: Transport;
	readonly #session: ClientSession;
	#keepalive: ConnectionKeepalive | undefined = undefined;
	#timedOut = false;
	#toldToLeave = false;
	#localAddress: string | undefined = undefined;

	constructor(
		target: ConnectionTarget & { readonly breakers: CircuitBreakers | undefined },
		owner: Http2ConnectionOwner,
		context: UpstreamContext,
	) {
		const { host, cluster, breakers } = target;
		this.host = host;
		this.cluster = cluster;
		this.breakers = breakers;
		this.#owner = owner;
		this.#context = context;
		this.#transport = openTransport(target, this);
		const { http2, http2Limits, perConnectionBufferLimitBytes } = cluster.info;
		this.#session = new ClientSession(
			{
				options: http2,
				limits: http2Limits,
				output: this.#transport,
				stats: cluster.stats.http2,
				streamBufferBytes: perConnectionBufferLimitBytes,
			},
			this,
		);
	}

	get localAddress(): string {
		this.#localAddress ??= `${this.#transport.socket.localAddress}:${this.#transport.socket.localPort}`;
		return this.#localAddress;
	}

	get activeStreams(): number {
		return this.#session.activeStreams;
	}

	/** A request may be opened now. */
	get hasRoom(): boolean {
		const session = this.#session;
		return this.connected && !this.draining && !session.exhausted && session.activeStreams < session.streamLimit;
	}

	/** Gives `user` a channel of this connection. */
	serve(user: UpstreamUser): void {
		this.requests++;
		this.#keepalive?.onNewStream();
		user.onReady(new Http2ClientStream(this, user));
	}

	openStream(request: RequestHead, user: StreamUser, manner: RequestManner): Http2Stream {
		return this.#session.request(request, user, manner);
	}

	/** Lets its streams finish, then closes. */
	drain(): void {
		this.draining = true;
		if (this.#session.activeStreams === 0) this.close();
	}

	close(): void {
		this.draining = true;
		this.#transport.destroy();
	}

	onConnect(tls: TlsInfo | undefined): void {
		this.tls = tls;
		this.connected = true;
		this.timer.cancel();
		this.#session.start();
		const { keepalive } = this.cluster.info.http2;
		if (keepalive) this.#keepalive = new ConnectionKeepalive(keepalive, this, this.#context);
		this.#owner.onConnected(this);
	}

	onData(buf: Buffer, end: number): void {
		this.cluster.stats.upstreamCxRxBytesTotal.inc(end);
		this.#keepalive?.onActivity();
		this.#session.receive(buf, 0, end);
	}

	onEof(): void {
		this.#transport.destroy();
	}

	onDrain(): void {
		this.#session.onOutputDrain();
	}

	onClose(error: Error | undefined): void {
		this.draining = true;
		this.timer.cancel();
		this.#keepalive?.stop();
		this.#session.close();
		this.#owner.onGone(this, this.connected ? undefined : connectFailure(error, this.#timedOut));
	}

	onTimer(): void {
		if (this.connected) this.#owner.onIdleTimer(this);
		else {
			this.#timedOut = true;
			this.#transport.destroy();
		}
	}

	onSettings(): void {
		this.#owner.onRoom(this);
	}

	onGoAway(): void {
		if (!this.#toldToLeave) this.cluster.stats.upstreamCxCloseNotify.inc();
		this.#toldToLeave = true;
		this.drain();
	}

	onPingAck(): void {
		this.#keepalive?.onPingAck();
	}

	onStreamClosed(): void {
		if (this.draining && this.#session.activeStreams === 0) this.close();
		else this.#owner.onRoom(this);
	}

	onSessionError(): void {
		this.cluster.stats.upstreamCxProtocolError.inc();
		this.#transport.end();
		this.close();
	}

	ping(payload: string): void {
		this.#session.ping(payload);
	}

	onKeepaliveTimeout(): void {
		this.cluster.stats.http2.keepaliveTimeout.inc();
		this.close();
	}
}
