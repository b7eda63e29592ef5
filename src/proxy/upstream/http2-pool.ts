import type { CircuitBreakers, Host, UpstreamCluster } from "../cluster/cluster.ts";
import type { ConnectFailure } from "./connect-failure.ts";
import type { HostPool, UpstreamContext } from "./host-pool.ts";
import { Http2ClientConnection, type Http2ConnectionOwner } from "./http2-client-connection.ts";
import type { ConnectionRoute } from "./open-transport.ts";
import type { UpstreamUser } from "./upstream-user.ts";

/** Idle connections are looked at this often, to close those of endpoints that have left. */
const SWEEP_MS = 30_000;

/** A request that has no connection yet. */
export interface WaitingRequest {
	readonly user: UpstreamUser;
	readonly cluster: UpstreamCluster;
}

interface Waiter extends WaitingRequest {
	readonly breakers: CircuitBreakers;
}

/**
 * The HTTP/2 connections to one endpoint: usually one, which all requests share. Another is opened when those that are there have as many
 * streams as they may, or take no new ones.
 */
export class Http2Pool implements HostPool, Http2ConnectionOwner {
	readonly #host: Host;
	readonly #route: ConnectionRoute;
	readonly #context: UpstreamContext;
	readonly #onOtherProtocol: ((waiting: readonly WaitingRequest[]) => void) | undefined;
	readonly #connections: Http2ClientConnection[] = [];
	readonly #waiters: Waiter[] = [];
	#connecting = 0;

	/** With `onOtherProtocol` the endpoint may choose (ALPN): what waits is handed over when it does not choose HTTP/2. */
	constructor(
		host: Host,
		route: ConnectionRoute,
		context: UpstreamContext,
		onOtherProtocol?: (waiting: readonly WaitingRequest[]) => void,
	) {
		this.#onOtherProtocol = onOtherProtocol;
		this.#host = host;
		this.#route = route;
		this.#context = context;
	}

	acquire(cluster: UpstreamCluster, user: UpstreamUser): void {
		const connection = this.#withRoom();
		if (connection) {
			this.#serve(connection, user);
			return;
		}
		const { breakers, stats } = cluster;
		if (!breakers.tryPending()) {
			stats.upstreamRqPendingOverflow.inc();
			user.onUnavailable("overflow", "");
			return;
		}
		stats.upstreamRqPendingTotal.inc();
		this.#waiters.push({ user, cluster, breakers });
		this.#host.stats.rqPendingActive++;
		this.#openForWaiters();
	}

	cancel(user: UpstreamUser): void {
		const at = this.#waiters.findIndex((waiter) => waiter.user === user);
		if (at < 0) return;
		const [waiter] = this.#waiters.splice(at, 1);
		waiter!.breakers.releasePending();
		this.#host.stats.rqPendingActive--;
	}

	retire(how: "left" | "cut"): void {
		for (const connection of [...this.#connections]) {
			if (how === "cut") connection.close();
			else if (connection.connected && connection.activeStreams === 0) connection.drain();
		}
	}

	onConnected(connection: Http2ClientConnection): void {
		this.#connecting--;
		if (this.#onOtherProtocol && connection.tls?.alpn !== "h2") {
			connection.close();
			const waiting = this.#waiters.splice(0);
			for (const { breakers } of waiting) breakers.releasePending();
			this.#host.stats.rqPendingActive -= waiting.length;
			this.#onOtherProtocol(waiting);
			return;
		}
		if (this.#onOtherProtocol) connection.cluster.stats.upstreamCxHttp2Total.inc();
		connection.connectedMs = this.#context.clock.nowMs();
		this.onRoom(connection);
	}

	onRoom(connection: Http2ClientConnection): void {
		while (this.#waiters.length > 0 && connection.hasRoom) {
			const { user, breakers } = this.#waiters.shift()!;
			breakers.releasePending();
			this.#host.stats.rqPendingActive--;
			this.#serve(connection, user);
		}
		if (connection.activeStreams > 0 || connection.draining) return;
		if (this.#unwanted) connection.drain();
		else this.#rest(connection);
	}

	onGone(connection: Http2ClientConnection, failure: ConnectFailure | undefined): void {
		this.#connections.splice(this.#connections.indexOf(connection), 1);
		this.#host.stats.cxActive--;
		const { stats } = connection.cluster;
		stats.upstreamCxActive.add(-1);
		stats.upstreamCxDestroy.inc();
		connection.breakers?.releaseConnection();
		if (failure) {
			this.#connecting--;
			this.#connectFailed(connection, failure);
		} else this.#openForWaiters();
	}

	onIdleTimer(connection: Http2ClientConnection): void {
		if (connection.activeStreams > 0 || connection.draining) return;
		const { idleTimeoutMs } = connection.cluster.info;
		const idleMs = this.#context.clock.nowMs() - connection.idleSinceMs;
		if (this.#retiresForAge(connection)) return;
		if (this.#unwanted) connection.close();
		else if (idleTimeoutMs > 0 && idleMs >= idleTimeoutMs) {
			connection.cluster.stats.upstreamCxIdleTimeout.inc();
			connection.close();
		} else this.#watch(connection, idleMs);
	}

	/** No request will ask for this pool's connections again. */
	get #unwanted(): boolean {
		return this.#host.removed || this.#route.security.closed;
	}

	#withRoom(): Http2ClientConnection | undefined {
		for (let i = 0; i < this.#connections.length; i++) {
			const connection = this.#connections[i]!;
			if (connection.hasRoom && !this.#retiresForAge(connection)) return connection;
		}
		return undefined;
	}

	#serve(connection: Http2ClientConnection, user: UpstreamUser): void {
		const { info, stats } = connection.cluster;
		const last = info.maxRequestsPerConnection > 0 && connection.requests + 1 >= info.maxRequestsPerConnection;
		connection.serve(user);
		if (!last) return;
		stats.upstreamCxMaxRequests.inc();
		connection.drain();
	}

	/** Takes a connection that is past its age out of service; true when it was. */
	#retiresForAge(connection: Http2ClientConnection): boolean {
		const { maxConnectionDurationMs } = connection.cluster.info;
		if (maxConnectionDurationMs <= 0) return false;
		if (this.#context.clock.nowMs() - connection.connectedMs < maxConnectionDurationMs) return false;
		connection.cluster.stats.upstreamCxMaxDurationReached.inc();
		connection.drain();
		return true;
	}

	#rest(connection: Http2ClientConnection): void {
		connection.idleSinceMs = this.#context.clock.nowMs();
		if (!connection.timer.armed) this.#watch(connection, 0);
	}

	#watch(connection: Http2ClientConnection, idleMs: number): void {
		const { idleTimeoutMs } = connection.cluster.info;
		const leftMs = idleTimeoutMs > 0 ? Math.max(1, Math.ceil(idleTimeoutMs - idleMs)) : SWEEP_MS;
		this.#context.deadlines.arm(connection.timer, Math.min(leftMs, SWEEP_MS));
	}

	/** A connection on its way counts for as many streams as we would open on it. */
	#openForWaiters(): void {
		const waiter = this.#waiters[0];
		if (waiter === undefined) return;
		const expected = this.#connecting * waiter.cluster.info.http2.maxConcurrentStreams;
		if (this.#waiters.length > expected) this.#openOne(waiter.cluster);
	}

	#openOne(cluster: UpstreamCluster): void {
		const { breakers, stats, info } = cluster;
		const counted = this.#host.stats.cxActive < info.maxConnectionsPerHost && breakers.tryConnection();
		if (!counted) {
			stats.upstreamCxOverflow.inc();
			// One connection per endpoint is always allowed, or what waits here would wait for ever (as Envoy).
			if (this.#connections.length > 0) return;
		}
		this.#connecting++;
		this.#host.stats.cxTotal++;
		this.#host.stats.cxActive++;
		stats.upstreamCxTotal.inc();
		if (!this.#onOtherProtocol) stats.upstreamCxHttp2Total.inc();
		stats.upstreamCxActive.add(1);
		const target = { host: this.#host, cluster, ...this.#route, breakers: counted ? breakers : undefined };
		const connection = new Http2ClientConnection(target, this, this.#context);
		this.#connections.push(connection);
		if (info.connectTimeoutMs > 0) this.#context.deadlines.arm(connection.timer, info.connectTimeoutMs);
	}

	/** Everyone who waits for this endpoint is told: the next attempt may choose another. */
	#connectFailed(connection: Http2ClientConnection, failure: ConnectFailure): void {
		const { stats } = connection.cluster;
		this.#host.stats.cxConnectFail++;
		stats.upstreamCxConnectFail.inc();
		if (failure.reason === "connect-timeout") stats.upstreamCxConnectTimeout.inc();
		for (const waiter of this.#waiters.splice(0)) {
			waiter.breakers.releasePending();
			this.#host.stats.rqPendingActive--;
			stats.upstreamRqPendingFailureEject.inc();
			waiter.user.onUnavailable(failure.reason, failure.detail);
		}
	}
}
