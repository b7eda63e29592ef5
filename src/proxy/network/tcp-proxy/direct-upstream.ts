import { connect, type Socket } from "node:net";
import type { Host, UpstreamCluster } from "../../cluster/cluster.ts";
import { type Deadlines, Timer } from "../../http/deadlines.ts";
import type { TcpConnectFailure, TcpUpstream, TcpUpstreamUser } from "./tcp-upstream.ts";

/** A socket to an endpoint, with the books that a cluster keeps of its connections. */
export class DirectUpstream implements TcpUpstream {
	readonly #socket: Socket;
	readonly #cluster: UpstreamCluster;
	readonly #host: Host;
	readonly #user: TcpUpstreamUser;
	readonly #timer: Timer;
	#connected = false;
	#timedOut = false;
	#local = false;
	#error: NodeJS.ErrnoException | undefined = undefined;

	/** The caller has taken a connection and a pending request off the cluster's breakers; both are given back here. */
	constructor(
		target: { readonly cluster: UpstreamCluster; readonly host: Host },
		user: TcpUpstreamUser,
		deadlines: Deadlines,
	) {
		const { cluster, host } = target;
		this.#cluster = cluster;
		this.#host = host;
		this.#user = user;
		this.#timer = new Timer({ onTimer: () => this.#onTimeout() });
		this.#opened();
		const { connectTimeoutMs, sourceIp, keepAlive } = cluster.info;
		const socket = connect({
			host: host.ip,
			port: host.port,
			localAddress: sourceIp,
			allowHalfOpen: true,
			noDelay: true,
		});
		this.#socket = socket;
		if (keepAlive) socket.setKeepAlive(true, keepAlive.idleMs, keepAlive.intervalMs, keepAlive.probes);
		if (connectTimeoutMs > 0) deadlines.arm(this.#timer, connectTimeoutMs);
		socket.on("connect", () => this.#onConnect());
		socket.on("error", (error) => {
			this.#error = error;
		});
		socket.on("close", () => this.#onClose());
	}

	get localAddress(): string {
		return `${this.#socket.localAddress}:${this.#socket.localPort}`;
	}

	write(bytes: Buffer): boolean {
		this.#cluster.stats.upstreamCxTxBytesTotal.inc(bytes.length);
		this.#socket.write(bytes);
		return this.#socket.writableLength < this.#cluster.info.perConnectionBufferLimitBytes;
	}

	end(): void {
		this.#socket.end();
	}

	pauseReading(): void {
		this.#socket.pause();
	}

	resumeReading(): void {
		this.#socket.resume();
	}

	closeAfterFlush(): void {
		this.#local = true;
		this.#socket.resume();
		this.#socket.destroySoon();
	}

	destroy(): void {
		this.#local = true;
		this.#socket.destroy();
	}

	#opened(): void {
		const { stats } = this.#cluster;
		stats.upstreamCxTotal.inc();
		stats.upstreamCxActive.add(1);
		stats.upstreamRqPendingTotal.inc();
		this.#host.stats.cxTotal++;
		this.#host.stats.cxActive++;
	}

	#onConnect(): void {
		const { stats, breakers } = this.#cluster;
		this.#connected = true;
		this.#timer.cancel();
		breakers.releasePending();
		stats.upstreamRqTotal.inc();
		stats.upstreamRqActive.add(1);
		this.#host.stats.rqTotal++;
		this.#host.activeRequests++;
		const socket = this.#socket;
		socket.on("data", (bytes: Buffer) => {
			stats.upstreamCxRxBytesTotal.inc(bytes.length);
			this.#user.onUpstreamData(bytes);
		});
		socket.on("end", () => this.#user.onUpstreamEnd());
		socket.on("drain", () => this.#user.onUpstreamDrain());
		this.#user.onUpstreamReady(this);
	}

	#onTimeout(): void {
		this.#timedOut = true;
		this.#cluster.stats.upstreamCxConnectTimeout.inc();
		this.#socket.destroy();
	}

	#onClose(): void {
		this.#timer.cancel();
		const { stats, breakers } = this.#cluster;
		stats.upstreamCxActive.add(-1);
		stats.upstreamCxDestroy.inc();
		this.#host.stats.cxActive--;
		breakers.releaseConnection();
		if (this.#connected) {
			stats.upstreamRqActive.add(-1);
			this.#host.activeRequests--;
			this.#user.onUpstreamClosed(!this.#local && this.#error?.code === "ECONNRESET");
			return;
		}
		breakers.releasePending();
		if (this.#local) return;
		stats.upstreamCxConnectFail.inc();
		stats.upstreamRqPendingFailureEject.inc();
		this.#host.stats.cxConnectFail++;
		this.#cluster.reportLocalFailure(this.#host, this.#timedOut ? "timeout" : "connect");
		this.#user.onUpstreamFailed(this.#failure());
	}

	#failure(): TcpConnectFailure {
		if (this.#timedOut) return { reason: "timeout", detail: "connection timeout" };
		return { reason: "refused", detail: `delayed connect error: ${systemWords(this.#error)}` };
	}
}

const WORDS: Readonly<Record<string, string>> = {
	ECONNREFUSED: "Connection refused",
	ECONNRESET: "Connection reset by peer",
	EHOSTUNREACH: "No route to host",
	ENETUNREACH: "Network is unreachable",
	ETIMEDOUT: "Connection timed out",
	EADDRNOTAVAIL: "Cannot assign requested address",
	EMFILE: "Too many open files",
};

/** The C library's words for a system error, which Envoy prints. */
function systemWords(error: NodeJS.ErrnoException | undefined): string {
	return WORDS[error?.code ?? ""] ?? error?.code ?? "";
}
