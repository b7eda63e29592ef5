import type { Socket } from "node:net";
import { xxHash64Utf8 } from "../../../lib/xx-hash64.ts";
import type { Host, UpstreamCluster } from "../../cluster/cluster.ts";
import { Timer, type TimerOwner } from "../../http/deadlines.ts";
import type { StreamInfo } from "../../http/stream-info.ts";
import { cutSocket } from "../cut-socket.ts";
import { CLUSTER_KEY } from "./cluster-key.ts";
import { DirectUpstream } from "./direct-upstream.ts";
import type { WeightedTarget } from "./tcp-proxy-config.ts";
import type { TcpDownstream, TcpLogType, TcpShared } from "./tcp-services.ts";
import type { TcpConnectFailure, TcpUpstream, TcpUpstreamUser } from "./tcp-upstream.ts";

/** One client's connection on its way to an endpoint. */
export class TcpSession implements TcpUpstreamUser, TimerOwner {
	readonly #shared: TcpShared;
	readonly #downstream: TcpDownstream;
	readonly #socket: Socket;
	readonly #info: StreamInfo;
	readonly #onClosed: () => void;
	readonly #idleTimer = new Timer(this);
	#lifeTimer: Timer | undefined = undefined;
	#retryTimer: Timer | undefined = undefined;
	#logTimer: Timer | undefined = undefined;
	/** Being connected, or connected. */
	#dialled: DirectUpstream | undefined = undefined;
	#upstream: TcpUpstream | undefined = undefined;
	#attempts = 0;
	#lastActivityMs = 0;
	/** Bytes that wait for the filters' verdict. */
	#held: Buffer[] = [];
	#holding = false;
	#endHeld = false;
	#received = 0;
	#cutHere = false;
	#over = false;

	constructor(shared: TcpShared, downstream: TcpDownstream, info: StreamInfo, onClosed: () => void) {
		this.#shared = shared;
		this.#downstream = downstream;
		this.#socket = downstream.socket;
		this.#info = info;
		this.#onClosed = onClosed;
	}

	start(): void {
		const { stats, config } = this.#shared;
		stats.total.inc();
		this.#socket.pause();
		this.#socket.on("error", ignore);
		this.#socket.on("close", this.#onDownstreamClosed);
		if (config.logging.onStart) this.#log("TcpConnectionStart");
		if (config.maxDurationMs > 0) this.#armLife();
		this.#connect();
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
		const { config } = this.#shared;
		this.#upstream = upstream;
		this.#info.upstreamLocalAddress = upstream.localAddress;
		const socket = this.#socket;
		socket.on("data", this.#onDownstreamData);
		socket.on("end", this.#onDownstreamEnd);
		socket.on("drain", this.#onDownstreamDrain);
		socket.resume();
		this.#touch();
		if (config.idleTimeoutMs > 0) this.#shared.services.deadlines.arm(this.#idleTimer, config.idleTimeoutMs);
		if (config.logging.onConnected) this.#log("TcpUpstreamConnected");
		if (config.logging.flushIntervalMs > 0) this.#armLog();
	}

	onUpstreamFailed({ reason, detail }: TcpConnectFailure): void {
		const { config } = this.#shared;
		this.#dialled = undefined;
		this.#info.upstreamTransportFailureReason = detail;
		this.#info.responseFlags.add("UF");
		if (this.#over) return;
		if (this.#attempts >= config.maxConnectAttempts) {
			this.#info.responseFlags.add("URX");
			this.cut("tcp_initializion_failure:0");
			return;
		}
		this.#retry(reason);
	}

	onUpstreamData(bytes: Buffer): void {
		this.#touch();
		if (this.#over) return;
		this.#socket.write(bytes);
		if (this.#socket.writableLength > this.#downstream.bufferLimitBytes) this.#upstream?.pauseReading();
	}

	onUpstreamEnd(): void {
		if (!this.#over) this.#socket.end();
	}

	onUpstreamDrain(): void {
		if (this.#over || this.#holding || !this.#socket.isPaused()) return;
		this.#shared.stats.resumedReading.inc();
		this.#socket.resume();
	}

	/** What the endpoint has sent goes out before the client's connection ends; a reset is passed on as one. */
	onUpstreamClosed(reset: boolean): void {
		this.#dialled = undefined;
		this.#upstream = undefined;
		if (this.#over) return;
		if (reset) {
			this.#info.responseFlags.add("UR");
			this.#socket.resetAndDestroy();
			return;
		}
		this.#socket.resume();
		this.#socket.destroySoon();
	}

	#connect(): void {
		const target = this.#target();
		const cluster = this.#shared.services.clusters.get(target?.name ?? "");
		if (!cluster) {
			this.#shared.stats.noRoute.inc();
			this.#info.responseFlags.add("NC");
			this.cut("tcp_initializion_failure:3");
			return;
		}
		this.#info.upstreamCluster = cluster.name;
		if (!cluster.breakers.tryConnection()) {
			cluster.stats.upstreamCxOverflow.inc();
			this.#info.responseFlags.add("UO");
			this.cut("tcp_initializion_failure:2");
			return;
		}
		const host = this.#pick(cluster);
		if (host && cluster.breakers.tryPending()) this.#dial(cluster, host);
		else {
			cluster.breakers.releaseConnection();
			if (host) cluster.stats.upstreamRqPendingOverflow.inc();
			this.#info.responseFlags.add(host ? "UO" : "UH");
			this.cut(`tcp_initializion_failure:${host ? 2 : 1}`);
		}
	}

	#dial(cluster: UpstreamCluster, host: Host): void {
		this.#attempts++;
		this.#info.attemptCount = this.#attempts;
		this.#info.upstreamHost = host.address;
		this.#dialled = new DirectUpstream({ cluster, host }, this, this.#shared.services.deadlines);
	}

	#retry(reason: TcpConnectFailure["reason"]): void {
		const { config, services } = this.#shared;
		const { backoff } = config;
		if (!backoff || reason === "timeout") {
			this.#connect();
			return;
		}
		const limitMs = Math.min(backoff.baseMs * 2 ** (this.#attempts - 1), backoff.maxMs);
		this.#retryTimer ??= new Timer(this);
		services.deadlines.arm(this.#retryTimer, Math.max(1, services.random.below(Math.max(1, Math.ceil(limitMs)))));
	}

	/** The cluster of this connection, chosen anew for each attempt among several. */
	#target(): WeightedTarget | undefined {
		const { clusters } = this.#shared.config;
		if (clusters.length === 1) {
			const named = this.#info.connection?.filterState.get(CLUSTER_KEY);
			return typeof named === "string" ? { ...clusters[0]!, name: named } : clusters[0];
		}
		const sum = clusters.reduce((total, { weight }) => total + weight, 0);
		let at = this.#shared.services.random.below(sum);
		return clusters.find(({ weight }) => {
			at -= weight;
			return at < 0;
		});
	}

	#pick(cluster: UpstreamCluster): Host | undefined {
		const { connection } = this.#info;
		return cluster.pick({
			hash: this.#hash(),
			avoid: undefined,
			hostSelectionAttempts: 1,
			destination: connection && addressText(connection.localIp, connection.localPort),
		});
	}

	#hash(): bigint | undefined {
		const { hashPolicy } = this.#shared.config;
		const { connection } = this.#info;
		if (!hashPolicy || !connection) return undefined;
		if (hashPolicy.kind === "source-ip")
			return connection.sourceIp === "" ? undefined : xxHash64Utf8(connection.sourceIp);
		const value = connection.filterState.get(hashPolicy.key);
		return typeof value === "string" ? xxHash64Utf8(value) : undefined;
	}

	readonly #onDownstreamData = (bytes: Buffer): void => {
		const { gate } = this.#downstream;
		this.#received += bytes.length;
		this.#touch();
		if (this.#holding) {
			this.#held.push(bytes);
			return;
		}
		if (gate?.asks && gate.admit(this.#onAdmitted) === "stop") {
			this.#holding = true;
			this.#held.push(bytes);
			this.#socket.pause();
			return;
		}
		this.#sendUp(bytes);
	};

	readonly #onAdmitted = (): void => {
		this.#holding = false;
		for (const bytes of this.#held.splice(0)) this.#sendUp(bytes);
		if (this.#endHeld) this.#upstream?.end();
		this.#socket.resume();
	};

	#sendUp(bytes: Buffer): void {
		if (this.#upstream?.write(bytes) !== false) return;
		this.#shared.stats.pausedReading.inc();
		this.#socket.pause();
	}

	readonly #onDownstreamEnd = (): void => {
		if (this.#holding) this.#endHeld = true;
		else this.#upstream?.end();
	};

	readonly #onDownstreamDrain = (): void => {
		this.#upstream?.resumeReading();
	};

	readonly #onDownstreamClosed = (): void => {
		if (this.#over) return;
		this.#over = true;
		for (const timer of [this.#idleTimer, this.#lifeTimer, this.#retryTimer, this.#logTimer]) timer?.cancel();
		// What the client had sent still goes out when it was the client that left.
		if (this.#upstream && !this.#cutHere) this.#upstream.closeAfterFlush();
		else this.#dialled?.destroy();
		this.#held = [];
		this.#reportBytes();
		this.#info.durationMs = this.#shared.services.clock.nowMs() - this.#info.startMs;
		this.#log("TcpConnectionEnd");
		this.#onClosed();
	};

	#log(type: TcpLogType): void {
		const { accessLog } = this.#shared.services;
		if (!accessLog) return;
		this.#countBytes();
		accessLog(this.#info, type);
	}

	#countBytes(): void {
		this.#info.bytesReceived = this.#received;
		this.#info.bytesSent = this.#socket.bytesWritten;
	}

	#reportBytes(): void {
		const { stats } = this.#shared;
		this.#countBytes();
		stats.rxBytes.inc(this.#info.bytesReceived);
		stats.txBytes.inc(this.#info.bytesSent);
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
		const { config, services, stats } = this.#shared;
		const leftMs = config.idleTimeoutMs - (services.clock.nowMs() - this.#lastActivityMs);
		if (leftMs > 0) {
			services.deadlines.arm(this.#idleTimer, Math.ceil(leftMs));
			return;
		}
		stats.idleTimeout.inc();
		this.cut("tcp_session_idle_timeout");
	}
}

function ignore(): void {
	// "close" follows and tells.
}

function addressText(ip: string, port: number): string {
	return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}
