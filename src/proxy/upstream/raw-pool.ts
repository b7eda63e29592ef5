import { Roster } from "../../lib/roster.ts";
import type { CircuitBreakers, Host, UpstreamCluster } from "../cluster/cluster.ts";
import { TUNNEL } from "../codec/message-parser.ts";
import type { Transport } from "../codec/transport.ts";
import { Timer, type TimerOwner } from "../http/deadlines.ts";
import { HeaderMap } from "../http/header-map.ts";
import { nextConnectionId, type TlsInfo } from "../http/info/connection-info.ts";
import { connectFailure } from "./connect-failure.ts";
import type { HostPool, UpstreamContext } from "./host-pool.ts";
import { type ConnectingUser, type ConnectionRoute, openTransport } from "./open-transport.ts";
import type { UpstreamChannel, UpstreamUser } from "./upstream-user.ts";

/**
 * Connections that carry the bytes of a CONNECT as they are, one per request (`connect_config`): the tunnel ends here, the answer is 200 as
 * soon as the endpoint has taken the connection.
 */
export class RawPool implements HostPool {
	readonly #host: Host;
	readonly #route: ConnectionRoute;
	readonly #context: UpstreamContext;
	readonly #all = new Roster<RawConnection>();

	constructor(host: Host, route: ConnectionRoute, context: UpstreamContext) {
		this.#host = host;
		this.#route = route;
		this.#context = context;
	}

	acquire(cluster: UpstreamCluster, user: UpstreamUser): void {
		const { breakers, stats, info } = cluster;
		if (!breakers.tryPending()) {
			stats.upstreamRqPendingOverflow.inc();
			user.onUnavailable("overflow", "");
			return;
		}
		if (!breakers.tryConnection()) {
			breakers.releasePending();
			stats.upstreamCxOverflow.inc();
			user.onUnavailable("overflow", "");
			return;
		}
		stats.upstreamRqPendingTotal.inc();
		stats.upstreamCxTotal.inc();
		stats.upstreamCxActive.add(1);
		this.#host.stats.cxTotal++;
		this.#host.stats.cxActive++;
		const target = { host: this.#host, cluster, ...this.#route };
		const connection = new RawConnection(target, breakers, user, (gone) => this.#all.delete(gone));
		this.#all.add(connection);
		if (info.connectTimeoutMs > 0) this.#context.deadlines.arm(connection.timer, info.connectTimeoutMs);
	}

	cancel(user: UpstreamUser): void {
		for (const connection of this.#all.list()) if (connection.user === user) connection.close();
	}

	retire(how: "left" | "cut"): void {
		if (how === "cut") for (const connection of this.#all.list()) connection.cut();
	}
}

class RawConnection implements UpstreamChannel, ConnectingUser, TimerOwner {
	readonly protocol = "HTTP/1.1";
	readonly connectionId = nextConnectionId();
	readonly contentLength = TUNNEL;
	readonly timer = new Timer(this);
	tls: TlsInfo | undefined = undefined;
	user: UpstreamUser | undefined;
	rosterPlace = -1;
	readonly #host: Host;
	readonly #cluster: UpstreamCluster;
	readonly #breakers: CircuitBreakers;
	readonly #transport: Transport;
	readonly #onGone: (connection: RawConnection) => void;
	#connected = false;
	#timedOut = false;
	#local = false;
	#ended = false;

	constructor(
		target: ConnectionRoute & { readonly host: Host; readonly cluster: UpstreamCluster },
		breakers: CircuitBreakers,
		user: UpstreamUser,
		onGone: (connection: RawConnection) => void,
	) {
		this.user = user;
		this.#host = target.host;
		this.#cluster = target.cluster;
		this.#breakers = breakers;
		this.#onGone = onGone;
		this.#transport = openTransport(target, this);
	}

	get localAddress(): string {
		const { socket } = this.#transport;
		return `${socket.localAddress}:${socket.localPort}`;
	}

	get congested(): boolean {
		return this.#transport.congested;
	}

	sendHead(): void {
		// The endpoint does not speak HTTP: the head ends here.
	}

	sendBody(buf: Buffer, start: number, end: number): void {
		this.#transport.sendBytes(buf, start, end);
	}

	sendEnd(): void {
		this.#transport.end();
	}

	pauseReading(): void {
		this.#transport.pauseReading();
	}

	resumeReading(): void {
		this.#transport.resumeReading();
	}

	abandon(): void {
		this.close();
	}

	close(): void {
		this.#local = true;
		this.user = undefined;
		this.#transport.destroy();
	}

	/** The endpoint is not to be used any more; the user is told. */
	cut(): void {
		this.#local = true;
		this.#transport.destroy();
	}

	onConnect(tls: TlsInfo | undefined): void {
		this.tls = tls;
		this.#connected = true;
		this.timer.cancel();
		this.#breakers.releasePending();
		this.user?.onReady(this);
		this.user?.onResponse({ status: 200, headers: new HeaderMap() });
	}

	onData(buf: Buffer, end: number): void {
		this.#cluster.stats.upstreamCxRxBytesTotal.inc(end);
		this.user?.onBody(buf, 0, end);
	}

	onEof(): void {
		this.#ended = true;
		const { user } = this;
		this.user = undefined;
		user?.onEnd(undefined);
		// What the tunnel still has to send goes out before its end.
		this.#transport.end();
	}

	onDrain(): void {
		this.user?.onUpstreamDrain();
	}

	onClose(error: Error | undefined): void {
		this.timer.cancel();
		this.#onGone(this);
		const { stats } = this.#cluster;
		this.#host.stats.cxActive--;
		stats.upstreamCxActive.add(-1);
		stats.upstreamCxDestroy.inc();
		(this.#local ? stats.upstreamCxDestroyLocal : stats.upstreamCxDestroyRemote).inc();
		stats.upstreamCxTxBytesTotal.inc(this.#transport.bytesWritten);
		this.#breakers.releaseConnection();
		const { user } = this;
		this.user = undefined;
		if (this.#connected) {
			if (!this.#ended) user?.onReset("terminated", undefined);
			return;
		}
		this.#breakers.releasePending();
		this.#host.stats.cxConnectFail++;
		stats.upstreamCxConnectFail.inc();
		if (this.#timedOut) stats.upstreamCxConnectTimeout.inc();
		const { reason, detail } = connectFailure(error, this.#timedOut);
		user?.onUnavailable(reason, detail);
	}

	onTimer(): void {
		this.#timedOut = true;
		this.#local = true;
		this.#transport.destroy();
	}
}
