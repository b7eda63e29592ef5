import type { Socket } from "node:net";
import { randomUuid } from "../../../lib/uuid.ts";
import type { Host, UpstreamCluster } from "../../cluster/cluster.ts";
import { Transport, type TransportUser } from "../../codec/transport.ts";
import { UPSTREAM_PEER } from "../../filter/filter-state-keys.ts";
import type { WorkloadMetadata } from "../../filter/workload-metadata.ts";
import { BytesMeter } from "../../http/bytes-meter.ts";
import { Timer, type TimerOwner } from "../../http/deadlines.ts";
import { nextConnectionId } from "../../http/info/connection-info.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import { cutSocket } from "../cut-socket.ts";
import type { DataGate } from "../data-gate.ts";
import { DirectUpstream } from "./direct-upstream.ts";
import { HeldBytes } from "./held-bytes.ts";
import type { TunnelingSettings, WeightedTarget } from "./tcp-proxy-config.ts";
import { idleTimeoutOf, pickContext, pickTarget, wishesOf } from "./tcp-route.ts";
import type { TcpDownstream, TcpLogType, TcpShared } from "./tcp-services.ts";
import type { TcpConnectFailure, TcpDial, TcpUpstream, TcpUpstreamUser } from "./tcp-upstream.ts";
import { tunnelRequest } from "./tunnel-request.ts";
import { TunnelUpstream } from "./tunnel-upstream.ts";

/** Filter state that turns tunnelling off for a connection. */
const DISABLE_TUNNELING = "envoy.tcp_proxy.disable_tunneling";

/** One client's connection on its way to an endpoint. */
export class TcpSession implements TcpUpstreamUser, TransportUser, TimerOwner {
	rosterPlace = -1;
	readonly #shared: TcpShared;
	readonly #downstream: TcpDownstream;
	#socket: Socket;
	readonly #info: StreamInfo;
	readonly #onClosed: () => void;
	/** Idleness, time of life, next attempt, next log line. */
	readonly #idleTimer = new Timer(this);
	#lifeTimer: Timer | undefined = undefined;
	#retryTimer: Timer | undefined = undefined;
	#logTimer: Timer | undefined = undefined;
	#gate: DataGate | undefined = undefined;
	/** There once an endpoint is. */
	#transport: Transport | undefined = undefined;
	#dial: TcpDial | undefined = undefined;
	#upstream: TcpUpstream | undefined = undefined;
	/** What waits for the filters' verdict. */
	#held: HeldBytes | undefined = undefined;
	#attempts = 0;
	#lastActivityMs = 0;
	#idleTimeoutMs = 0;
	#reset = false;
	#cutHere = false;
	#endedEarly = false;
	#flushing = false;
	#over = false;

	constructor(shared: TcpShared, downstream: TcpDownstream, info: StreamInfo, onClosed: () => void) {
		this.#shared = shared;
		this.#downstream = downstream;
		this.#socket = downstream.socket;
		this.#info = info;
		this.#onClosed = onClosed;
		shared.stats.total.inc();
		this.#listen(this.#socket);
	}

	/** The filters before let the connection through. */
	start(socket: Socket, gate: DataGate | undefined): void {
		if (this.#over) return;
		if (socket !== this.#socket) this.#exchange(socket);
		socket.pause();
		socket.on("end", this.#onEarlyEnd);
		this.#gate = gate;
		const { config } = this.#shared;
		if (config.logging.onStart) this.#log("TcpConnectionStart");
		if (config.maxDurationMs > 0) this.#armLife();
		if (config.waitsForData) this.#connectOnData();
		else this.#connect();
	}

	/** The endpoint is called with the client's first bytes; a client that ends without any gets none. */
	#connectOnData(): void {
		const socket = this.#socket;
		const onReadable = (): void => {
			if (socket.readableLength === 0) return;
			socket.off("readable", onReadable);
			socket.pause();
			if (!this.#over) this.#connect();
		};
		socket.on("readable", onReadable);
		socket.once("end", () => {
			if (!this.#dial && !this.#over) this.cut("");
		});
	}

	/** After the handshake: the accepted socket only carries what this one says. */
	#exchange(socket: Socket): void {
		this.#socket.off("error", this.#onDownstreamError);
		this.#socket.off("close", this.#onDownstreamClosed);
		this.#socket = socket;
		this.#listen(socket);
	}

	#listen(socket: Socket): void {
		socket.on("error", this.#onDownstreamError);
		socket.on("close", this.#onDownstreamClosed);
	}

	/** Cuts both sides; `reason` is why the proxy did (%DOWNSTREAM_LOCAL_CLOSE_REASON%). */
	cut(reason: string): void {
		if (this.#over) return;
		this.#cutHere = true;
		if (reason !== "" && this.#info.connection) this.#info.connection.localCloseReason = reason;
		cutSocket(this.#socket);
	}

	onTimer(timer: Timer): void {
		if (timer === this.#idleTimer) this.#checkIdle();
		else if (timer === this.#retryTimer) this.#connect();
		else if (timer === this.#logTimer) this.#logPeriodically();
		else {
			this.#shared.stats.maxDuration.inc();
			this.#info.responseFlags.add("DT");
			this.cut("max_connection_duration_reached");
		}
	}

	onUpstreamReady(upstream: TcpUpstream): void {
		const { config, services } = this.#shared;
		this.#upstream = upstream;
		this.#info.upstreamLocalAddress = upstream.localAddress;
		const attempt = this.#info.upstreamAttempts?.at(-1);
		if (attempt) {
			attempt.connectionId = nextConnectionId();
			attempt.readyAfterMs = this.#shared.services.clock.nowMs() - attempt.startMs;
		}
		this.#socket.off("end", this.#onEarlyEnd);
		this.#transport = new Transport(this.#socket, this, this.#downstream.bufferLimitBytes, true);
		this.#socket.resume();
		this.#touch();
		this.#idleTimeoutMs = idleTimeoutOf(config, this.#info.connection);
		if (this.#idleTimeoutMs > 0) services.deadlines.arm(this.#idleTimer, this.#idleTimeoutMs);
		if (config.logging.onConnected) this.#log("TcpUpstreamConnected");
		if (config.logging.flushIntervalMs > 0) this.#armLog();
		if (this.#endedEarly) this.onEof();
	}

	onUpstreamFailed({ detail }: TcpConnectFailure): void {
		const { config } = this.#shared;
		this.#dial = undefined;
		this.#info.upstreamTransportFailureReason = detail;
		const attempt = this.#info.upstreamAttempts?.at(-1);
		if (attempt) attempt.readyAfterMs = this.#shared.services.clock.nowMs() - attempt.startMs;
		this.#info.responseFlags.add("UF");
		if (this.#over) return;
		if (this.#attempts < config.maxConnectAttempts) {
			this.#retry();
			return;
		}
		this.#info.responseFlags.add("URX");
		if (this.#info.upstreamCluster !== undefined)
			this.#shared.services.clusters.get(this.#info.upstreamCluster)?.stats.upstreamCxConnectAttemptsExceeded.inc();
		this.cut("tcp_initializion_failure:0");
	}

	onUpstreamData(buf: Buffer, start: number, end: number): void {
		this.#touch();
		const transport = this.#transport!;
		this.#info.bytesSent += end - start;
		transport.sendBytes(buf, start, end);
		if (transport.congested) this.#upstream?.pauseReading();
		this.#closeIfDraining();
	}

	#closeIfDraining(): void {
		if (!this.#shared.draining || !this.#shared.config.closesOnDrain || this.#over) return;
		this.#transport?.flush();
		this.#socket.destroySoon();
	}

	onUpstreamPeer(peer: WorkloadMetadata): void {
		this.#info.filterState.set(UPSTREAM_PEER, peer);
	}

	onUpstreamEnd(): void {
		this.#transport!.end();
	}

	onUpstreamDrain(): void {
		if (this.#over || this.#held) return;
		this.#shared.stats.resumedReading.inc();
		this.#transport!.resumeReading();
	}

	/** What the endpoint has sent goes out before the client's connection ends; a reset is passed on as one. */
	onUpstreamClosed(reset: boolean): void {
		this.#dial = undefined;
		this.#upstream = undefined;
		if (this.#over) {
			if (this.#flushing) this.#shared.stats.flushActive.add(-1);
			return;
		}
		if (reset) {
			this.#info.responseFlags.add("UR");
			this.#transport!.reset();
			return;
		}
		this.#transport!.flush();
		this.#socket.resume();
		this.#socket.destroySoon();
	}

	onData(buf: Buffer, end: number): void {
		this.#info.bytesReceived += end;
		this.#touch();
		if (!this.#admits()) {
			this.#held!.add(buf, end);
			return;
		}
		const upstream = this.#upstream;
		if (!upstream) return;
		upstream.write(buf, 0, end);
		this.#closeIfDraining();
		if (!upstream.congested) return;
		this.#shared.stats.pausedReading.inc();
		this.#transport!.pauseReading();
	}

	/** The client's end is asked about too: an rbac filter decides then at the latest. */
	onEof(): void {
		if (this.#admits()) this.#upstream?.end();
		else this.#held!.ended = true;
	}

	onDrain(): void {
		this.#upstream?.resumeReading();
	}

	onClose(): void {
		// The socket's own "close" was heard.
	}

	/** Whether the filters let through what came; if not, it is to be held. */
	#admits(): boolean {
		if (this.#held) return false;
		const gate = this.#gate;
		if (!gate?.asks || gate.admit(this.#onAdmitted) === "continue") return true;
		this.#held = new HeldBytes();
		this.#transport!.pauseReading();
		return false;
	}

	readonly #onAdmitted = (): void => {
		const held = this.#held;
		this.#held = undefined;
		if (!held || this.#over) return;
		for (const bytes of held.pieces) this.#upstream?.write(bytes, 0, bytes.length);
		if (held.ended) this.#upstream?.end();
		this.#transport!.resumeReading();
	};

	#connect(): void {
		const { config, services, stats } = this.#shared;
		const { connection } = this.#info;
		const target = pickTarget(config, connection, services.random);
		const cluster = services.clusters.get(target.name);
		if (!cluster) {
			stats.noRoute.inc();
			this.#fail("NC", 3);
			return;
		}
		this.#info.upstreamCluster = cluster.name;
		if (config.tunneling && connection?.filterState.get(DISABLE_TUNNELING) !== true) {
			this.#openTunnel(config.tunneling, cluster, target);
			return;
		}
		if (!cluster.breakers.tryConnection()) {
			cluster.stats.upstreamCxOverflow.inc();
			this.#fail("UO", 2);
			return;
		}
		const host = cluster.pick(pickContext(config, target, connection, cluster.info.forwardProxy !== undefined));
		if (host && cluster.breakers.tryPending()) {
			this.#dialHost(cluster, host);
			return;
		}
		cluster.breakers.releaseConnection();
		if (host) cluster.stats.upstreamRqPendingOverflow.inc();
		this.#fail(host ? "UO" : "UH", host ? 2 : 1);
	}

	/** `reason`: Envoy's number of why a session could not begin. */
	#fail(flag: "NC" | "UO" | "UH", reason: number): void {
		this.#info.responseFlags.add(flag);
		this.cut(`tcp_initializion_failure:${reason}`);
	}

	/** The pool of the endpoint counts what is waiting and open. */
	#openTunnel(tunneling: TunnelingSettings, cluster: UpstreamCluster, target: WeightedTarget): void {
		const { config, services } = this.#shared;
		const host = cluster.pick(
			pickContext(config, target, this.#info.connection, cluster.info.forwardProxy !== undefined),
		);
		if (!host) {
			this.#fail("UH", 1);
			return;
		}
		this.#noteAttempt(host);
		const wishes = wishesOf(this.#info.connection, host, this.#shared.config);
		const request = tunnelRequest(tunneling, this.#info, () => randomUuid(services.random));
		const tunnel = new TunnelUpstream({ cluster, host, wishes }, request, this, services);
		// An endpoint that is not there may have been told already.
		if (!this.#over && !this.#retryTimer?.armed) this.#dial ??= tunnel;
	}

	#noteAttempt(host: Host): void {
		this.#attempts++;
		this.#info.attemptCount = this.#attempts;
		this.#info.upstreamHost = host.address;
		const { address, hostname } = host;
		const startMs = this.#shared.services.clock.nowMs();
		this.#info.upstreamAttempts ??= [];
		this.#info.upstreamAttempts.push({ address, hostname, startMs, connectionId: undefined, readyAfterMs: undefined });
	}

	#dialHost(cluster: UpstreamCluster, host: Host): void {
		this.#noteAttempt(host);
		const wishes = wishesOf(this.#info.connection, host, this.#shared.config);
		this.#dial = new DirectUpstream({ cluster, host, wishes }, this, this.#shared.services);
	}

	#retry(): void {
		const { config, services } = this.#shared;
		const { backoff } = config;
		if (!backoff) {
			this.#connect();
			return;
		}
		const limitMs = Math.min(backoff.baseMs * 2 ** (this.#attempts - 1), backoff.maxMs);
		this.#retryTimer ??= new Timer(this);
		services.deadlines.arm(this.#retryTimer, 1 + services.random.below(Math.max(1, Math.ceil(limitMs))));
	}

	/** Node tells the end of a client that sent nothing even while the socket is paused. */
	readonly #onEarlyEnd = (): void => {
		this.#endedEarly = true;
	};

	readonly #onDownstreamError = (error: NodeJS.ErrnoException): void => {
		this.#reset = error.code === "ECONNRESET";
	};

	readonly #onDownstreamClosed = (): void => {
		if (this.#over) return;
		this.#over = true;
		for (const timer of [this.#idleTimer, this.#lifeTimer, this.#retryTimer, this.#logTimer]) timer?.cancel();
		this.#held = undefined;
		this.#letUpstreamGo();
		const { stats, services } = this.#shared;
		stats.rxBytes.inc(this.#info.bytesReceived);
		this.#info.durationMs = services.clock.nowMs() - this.#info.startMs;
		this.#log("TcpConnectionEnd");
		stats.txBytes.inc(this.#info.bytesSent);
		this.#onClosed();
	};

	/** What the client had sent still goes out when it was the client that left. */
	#letUpstreamGo(): void {
		const { stats } = this.#shared;
		if (!this.#upstream || this.#cutHere || this.#reset) this.#dial?.abandon(this.#reset);
		else if (this.#upstream.closeAfterFlush()) {
			this.#flushing = true;
			stats.flushTotal.inc();
			stats.flushActive.add(1);
		}
	}

	#log(type: TcpLogType): void {
		const { accessLog, random } = this.#shared.services;
		if (!accessLog) return;
		const info = this.#info;
		info.requestId ??= randomUuid(random);
		const { bytesReceived, bytesSent } = info;
		info.downstreamMeter = rawMeter(bytesReceived, bytesSent);
		if (info.upstreamLocalAddress !== undefined) info.upstreamMeter = rawMeter(bytesSent, bytesReceived);
		accessLog(info, type);
	}

	#logPeriodically(): void {
		this.#log("TcpPeriodic");
		this.#armLog();
	}

	#armLog(): void {
		this.#logTimer ??= new Timer(this);
		this.#shared.services.deadlines.arm(this.#logTimer, this.#shared.config.logging.flushIntervalMs);
	}

	#armLife(): void {
		const { config, services } = this.#shared;
		const jitterMs = Math.ceil((config.maxDurationMs * config.maxDurationJitterPercent) / 100);
		this.#lifeTimer = new Timer(this);
		services.deadlines.arm(
			this.#lifeTimer,
			config.maxDurationMs + (jitterMs > 0 ? services.random.below(jitterMs) : 0),
		);
	}

	#touch(): void {
		this.#lastActivityMs = this.#shared.services.clock.nowMs();
	}

	#checkIdle(): void {
		const { services, stats } = this.#shared;
		const leftMs = this.#idleTimeoutMs - (services.clock.nowMs() - this.#lastActivityMs);
		if (leftMs > 0) {
			services.deadlines.arm(this.#idleTimer, Math.ceil(leftMs));
			return;
		}
		stats.idleTimeout.inc();
		this.cut("tcp_session_idle_timeout");
	}
}

/** What passed is all that there was on the wire. */
function rawMeter(received: number, sent: number): BytesMeter {
	const meter = new BytesMeter();
	meter.wireReceived = received;
	meter.wireSent = sent;
	return meter;
}
