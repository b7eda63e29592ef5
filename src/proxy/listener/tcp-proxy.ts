import { connect, type Socket } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { AccessLog } from "../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import type { ClusterLookup, Host, UpstreamCluster } from "../cluster/cluster.ts";
import type { AcceptedSocket, ConnectionManager } from "../hcm/hcm-shared.ts";
import { type Deadlines, Timer } from "../http/deadlines.ts";
import { RequestInfo } from "../http/request-info.ts";
import type { StreamInfo } from "../http/stream-info.ts";

/** tcp_proxy: bytes to a cluster, whole connections at a time. */
export interface TcpProxyConfig {
	readonly statPrefix: string;
	/** Drawn by weight per connection; one entry for a plain cluster. */
	readonly clusters: readonly { readonly name: string; readonly weight: number }[];
	/** Both directions quiet for this long: closed; 0 = never. */
	readonly idleTimeoutMs: number;
	readonly maxConnectAttempts: number;
	/** Compiled by whoever wires listeners: this room knows no formats. */
	readonly accessLogs: readonly AccessLog[];
}

export interface TcpServices {
	readonly clock: Clock;
	readonly random: Random;
	readonly deadlines: Deadlines;
	readonly clusters: ClusterLookup;
	readonly metrics: Pick<Metrics, "scope">;
	/** Once per connection, at its end. */
	readonly accessLog?: (info: StreamInfo) => void;
}

/** Proxies accepted sockets to a cluster. */
export function createTcpProxy(config: TcpProxyConfig, services: TcpServices): ConnectionManager {
	const scope = services.metrics.scope(`tcp.${config.statPrefix}.`);
	const total = scope.counter("downstream_cx_total");
	const noRoute = scope.counter("downstream_cx_no_route");
	const rx = scope.counter("downstream_cx_rx_bytes_total");
	const tx = scope.counter("downstream_cx_tx_bytes_total");
	const idleTimeout = scope.counter("idle_timeout");
	const tunnels = new Set<Tunnel>();
	return {
		accept({ socket, onClosed }: AcceptedSocket) {
			total.inc();
			const tunnel = new Tunnel(socket, config, services, (end) => {
				tunnels.delete(tunnel);
				rx.inc(socket.bytesRead);
				tx.inc(socket.bytesWritten);
				if (end === "idle") idleTimeout.inc();
				if (end === "no-cluster") noRoute.inc();
				onClosed();
			});
			tunnels.add(tunnel);
			tunnel.connect(1);
		},
		// A TCP connection has no message at whose end it could be closed: it lasts until the drain time is over (as in Envoy).
		drain: () => {},
		close: () => {
			for (const tunnel of [...tunnels]) tunnel.close("cut");
		},
		get activeConnections() {
			return tunnels.size;
		},
	};
}

type TunnelEnd = "ended" | "idle" | "no-cluster" | "cut";

class Tunnel {
	readonly #downstream: Socket;
	readonly #config: TcpProxyConfig;
	readonly #services: TcpServices;
	readonly #onClosed: (end: TunnelEnd) => void;
	readonly #timer: Timer;
	readonly #info: RequestInfo;
	#upstream: Socket | undefined = undefined;
	#end: TunnelEnd | undefined = undefined;
	#lastActivityMs = 0;

	constructor(downstream: Socket, config: TcpProxyConfig, services: TcpServices, onClosed: (end: TunnelEnd) => void) {
		this.#downstream = downstream;
		this.#config = config;
		this.#services = services;
		this.#onClosed = onClosed;
		this.#timer = new Timer({ onTimer: () => this.#checkIdle() });
		this.#info = new RequestInfo(services.clock.epochMs(), services.clock.nowMs());
		this.#info.downstreamRemoteAddress = `${downstream.remoteAddress}:${downstream.remotePort}`;
		this.#info.downstreamLocalAddress = `${downstream.localAddress}:${downstream.localPort}`;
		downstream.pause();
		downstream.on("error", () => this.close("ended"));
		downstream.on("close", () => this.close("ended"));
	}

	connect(attempt: number): void {
		const cluster = this.#drawCluster();
		const host = cluster?.pick({ hash: undefined, avoid: undefined, hostSelectionAttempts: 1 });
		this.#info.upstreamCluster = cluster?.name;
		if (!cluster || !host) {
			this.#info.responseFlags.add(cluster ? "UH" : "NC");
			this.close(cluster ? "ended" : "no-cluster");
			return;
		}
		this.#info.upstreamHost = host.address;
		if (!cluster.breakers.tryConnection()) {
			cluster.stats.upstreamCxOverflow.inc();
			this.#info.responseFlags.add("UO");
			this.close("ended");
			return;
		}
		this.#dial(cluster, host, attempt);
	}

	close(end: TunnelEnd): void {
		if (this.#end) return;
		this.#end = end;
		this.#timer.cancel();
		this.#downstream.destroy();
		this.#upstream?.destroy();
		this.#log();
		this.#onClosed(end);
	}

	#log(): void {
		const { clock, accessLog } = this.#services;
		if (!accessLog) return;
		this.#info.durationMs = clock.nowMs() - this.#info.startMs;
		this.#info.bytesReceived = this.#downstream.bytesRead;
		this.#info.bytesSent = this.#downstream.bytesWritten;
		accessLog(this.#info);
	}

	#dial(cluster: UpstreamCluster, host: Host, attempt: number): void {
		const { stats, info } = cluster;
		this.#info.attemptCount++;
		stats.upstreamCxTotal.inc();
		stats.upstreamCxActive.add(1);
		host.stats.cxTotal++;
		host.stats.cxActive++;
		const upstream = connect({ host: host.ip, port: host.port, localAddress: info.sourceIp, allowHalfOpen: true });
		this.#upstream = upstream;
		upstream.setNoDelay(true);
		const connectTimer = new Timer({ onTimer: () => upstream.destroy(new Error("connect timeout")) });
		if (info.connectTimeoutMs > 0) this.#services.deadlines.arm(connectTimer, info.connectTimeoutMs);
		let connected = false;
		upstream.once("connect", () => {
			connected = true;
			connectTimer.cancel();
			this.#info.upstreamLocalAddress = `${upstream.localAddress}:${upstream.localPort}`;
			this.#join(upstream);
		});
		upstream.on("error", () => {});
		upstream.on("close", () => {
			connectTimer.cancel();
			stats.upstreamCxActive.add(-1);
			stats.upstreamCxDestroy.inc();
			host.stats.cxActive--;
			cluster.breakers.releaseConnection();
			if (connected || this.#end) this.close("ended");
			else {
				stats.upstreamCxConnectFail.inc();
				host.stats.cxConnectFail++;
				cluster.reportLocalFailure(host, "connect");
				if (attempt < this.#config.maxConnectAttempts) this.connect(attempt + 1);
				else {
					this.#info.responseFlags.add("UF");
					this.close("ended");
				}
			}
		});
	}

	/** `pipe` carries backpressure and each side's end to the other. */
	#join(upstream: Socket): void {
		this.#downstream.pipe(upstream);
		upstream.pipe(this.#downstream);
		const touch = () => {
			this.#lastActivityMs = this.#services.clock.nowMs();
		};
		touch();
		if (this.#config.idleTimeoutMs <= 0) return;
		this.#downstream.on("data", touch);
		upstream.on("data", touch);
		this.#services.deadlines.arm(this.#timer, this.#config.idleTimeoutMs);
	}

	#checkIdle(): void {
		const leftMs = this.#config.idleTimeoutMs - (this.#services.clock.nowMs() - this.#lastActivityMs);
		if (leftMs > 0) this.#services.deadlines.arm(this.#timer, Math.ceil(leftMs));
		else this.close("idle");
	}

	#drawCluster(): UpstreamCluster | undefined {
		const { clusters } = this.#config;
		const sum = clusters.reduce((total, { weight }) => total + weight, 0);
		let at = sum > 0 ? this.#services.random.below(sum) : 0;
		for (const { name, weight } of clusters) {
			if (at < weight || clusters.length === 1) return this.#services.clusters.get(name);
			at -= weight;
		}
		return undefined;
	}
}
