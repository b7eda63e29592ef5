import type { Host, UpstreamCluster } from "../../cluster/cluster.ts";
import type { Transport } from "../../codec/transport.ts";
import { PreambleReader } from "../../filter/metadata-exchange/peer-preamble.ts";
import { type Deadlines, Timer } from "../../http/deadlines.ts";
import type { TlsInfo } from "../../http/info/connection-info.ts";
import type { TransportWishes } from "../../tls/upstream/upstream-transport.ts";
import { connectFailure } from "../../upstream/connect-failure.ts";
import { type ConnectingUser, openTransport } from "../../upstream/open-transport.ts";
import { transportOf } from "../../upstream/transport-of.ts";
import type { TcpConnectFailure, TcpDial, TcpUpstream, TcpUpstreamUser } from "./tcp-upstream.ts";

const NOTHING = { pending: new Uint8Array(0) };

/** A socket to an endpoint, with the books that a cluster keeps of its connections. */
export class DirectUpstream implements TcpUpstream, TcpDial, ConnectingUser {
	readonly #transport: Transport;
	readonly #cluster: UpstreamCluster;
	readonly #host: Host;
	readonly #user: TcpUpstreamUser;
	readonly #timer: Timer;
	readonly #preamble: Uint8Array | undefined;
	/** Takes the peer's preamble off the front. */
	#peer: PreambleReader | undefined = undefined;
	#connected = false;
	#timedOut = false;
	/** Ended from this side: nobody wants to hear of it any more. */
	#abandoned = false;
	#local = false;

	/** The caller has taken a connection and a pending request off the cluster's breakers; both are given back here. */
	constructor(
		target: { readonly cluster: UpstreamCluster; readonly host: Host; readonly wishes: TransportWishes },
		user: TcpUpstreamUser,
		{ deadlines, peerPreamble }: { readonly deadlines: Deadlines; readonly peerPreamble?: Uint8Array | undefined },
	) {
		this.#preamble = peerPreamble;
		const { cluster, host, wishes } = target;
		this.#cluster = cluster;
		this.#host = host;
		this.#user = user;
		this.#timer = new Timer({ onTimer: () => this.#onTimeout() });
		this.#opened();
		this.#transport = openTransport({ host, cluster, wishes, security: transportOf(cluster, host) }, this);
		const { connectTimeoutMs } = cluster.info;
		if (connectTimeoutMs > 0) deadlines.arm(this.#timer, connectTimeoutMs);
	}

	get localAddress(): string {
		const { localAddress, localPort } = this.#transport.socket;
		return `${localAddress}:${localPort}`;
	}

	get congested(): boolean {
		return this.#transport.congested;
	}

	write(buf: Buffer, start: number, end: number): void {
		this.#cluster.stats.upstreamCxTxBytesTotal.inc(end - start);
		this.#transport.sendBytes(buf, start, end);
	}

	end(): void {
		this.#transport.end();
	}

	pauseReading(): void {
		this.#transport.pauseReading();
	}

	resumeReading(): void {
		this.#transport.resumeReading();
	}

	closeAfterFlush(): boolean {
		this.#local = true;
		this.#transport.flush();
		const pending = this.#transport.backlogBytes > 0;
		this.#transport.resumeReading();
		this.#transport.socket.destroySoon();
		return pending;
	}

	destroy(reset: boolean): void {
		this.#local = true;
		if (reset) this.#transport.reset();
		else this.#transport.destroy();
	}

	abandon(reset: boolean): void {
		this.#abandoned = true;
		this.destroy(reset);
	}

	onConnect(tls: TlsInfo | undefined): void {
		const { stats, breakers } = this.#cluster;
		this.#connected = true;
		this.#timer.cancel();
		breakers.releasePending();
		stats.upstreamRqTotal.inc();
		stats.upstreamRqActive.add(1);
		this.#host.stats.rqTotal++;
		this.#host.activeRequests++;
		if (this.#preamble && tls?.alpn !== undefined && tls.alpn === this.#cluster.info.peerExchange) {
			this.#peer = new PreambleReader();
			this.#transport.sendBytes(Buffer.from(this.#preamble), 0, this.#preamble.length);
		}
		this.#user.onUpstreamReady(this);
	}

	onData(buf: Buffer, end: number): void {
		this.#cluster.stats.upstreamCxRxBytesTotal.inc(end);
		if (this.#local) return;
		if (this.#peer) this.#readPeer(this.#peer, buf.subarray(0, end));
		else this.#user.onUpstreamData(buf, 0, end);
	}

	#readPeer(reader: PreambleReader, bytes: Uint8Array): void {
		const reading = reader.feed(bytes);
		if (!reading) return;
		this.#peer = undefined;
		const { peer, rest } = reading;
		if (peer) this.#user.onUpstreamPeer?.(peer);
		if (rest.length > 0) this.#user.onUpstreamData(Buffer.from(rest), 0, rest.length);
	}

	onEof(): void {
		// A peer may end the connection in the middle of a handshake.
		if (!this.#connected) this.#transport.destroy();
		else if (!this.#local) {
			const { pending } = this.#peer ?? NOTHING;
			this.#peer = undefined;
			if (pending.length > 0) this.#user.onUpstreamData(Buffer.from(pending), 0, pending.length);
			this.#user.onUpstreamEnd();
		}
	}

	onDrain(): void {
		this.#user.onUpstreamDrain();
	}

	onClose(error: Error | undefined): void {
		this.#timer.cancel();
		const { stats, breakers } = this.#cluster;
		stats.upstreamCxActive.add(-1);
		stats.upstreamCxDestroy.inc();
		this.#host.stats.cxActive--;
		breakers.releaseConnection();
		if (this.#connected) {
			stats.upstreamRqActive.add(-1);
			this.#host.activeRequests--;
			const reset = !this.#local && (error as NodeJS.ErrnoException | undefined)?.code === "ECONNRESET";
			if (!this.#abandoned) this.#user.onUpstreamClosed(reset);
			return;
		}
		breakers.releasePending();
		if (!this.#abandoned) this.#failed(error);
	}

	#opened(): void {
		const { stats } = this.#cluster;
		stats.upstreamCxTotal.inc();
		stats.upstreamCxActive.add(1);
		stats.upstreamRqPendingTotal.inc();
		this.#host.stats.cxTotal++;
		this.#host.stats.cxActive++;
	}

	#failed(error: Error | undefined): void {
		const { stats } = this.#cluster;
		stats.upstreamCxConnectFail.inc();
		stats.upstreamRqPendingFailureEject.inc();
		this.#host.stats.cxConnectFail++;
		this.#cluster.reportLocalFailure(this.#host, this.#timedOut ? "timeout" : "connect");
		this.#user.onUpstreamFailed(this.#failure(error));
	}

	#onTimeout(): void {
		this.#timedOut = true;
		this.#cluster.stats.upstreamCxConnectTimeout.inc();
		this.#transport.destroy();
	}

	#failure(error: Error | undefined): TcpConnectFailure {
		if (this.#timedOut) return { reason: "timeout", detail: "connection timeout" };
		return { reason: "refused", detail: connectFailure(error, false).detail };
	}
}
