import { Roster } from "../../lib/roster.ts";
import type { CircuitBreakers, Host, UpstreamCluster } from "../cluster/cluster.ts";
import type { ConnectFailure } from "./connect-failure.ts";
import type { HostPool, UpstreamContext } from "./host-pool.ts";
import { type ConnectionOwner, Http1ClientConnection } from "./http1-client-connection.ts";
import type { ConnectionRoute } from "./open-transport.ts";
import type { UpstreamUser } from "./upstream-user.ts";

/** Idle connections are looked at this often, to close those of endpoints that have left. */
const SWEEP_MS = 30_000;

/** Connections that are opened ahead at a time. */
const MAX_PRECONNECTS = 3;

interface Waiter {
	readonly user: UpstreamUser;
	readonly cluster: UpstreamCluster;
	readonly breakers: CircuitBreakers;
}

/**
 * The HTTP/1 connections to one endpoint. A request takes the one that was used last, or waits for a new one; waiting and connections are
 * counted by the cluster's circuit breakers.
 */
export class Http1Pool implements HostPool, ConnectionOwner {
	readonly #host: Host;
	readonly #route: ConnectionRoute;
	readonly #context: UpstreamContext;
	readonly #idle: Http1ClientConnection[] = [];
	readonly #waiters: Waiter[] = [];
	readonly #all = new Roster<Http1ClientConnection>();
	#connecting = 0;

	constructor(host: Host, route: ConnectionRoute, context: UpstreamContext) {
		this.#host = host;
		this.#route = route;
		this.#context = context;
	}

	acquire(cluster: UpstreamCluster, user: UpstreamUser): void {
		for (let free = this.#idle.pop(); free; free = this.#idle.pop()) {
			if (!free.usable) continue;
			if (this.#retireWhenOld(free)) continue;
			free.attach(user);
			user.onReady(free);
			if ((cluster.info.preconnectRatio ?? 1) > 1) this.#preconnect(cluster);
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
		if (this.#waiters.length > this.#connecting) this.#openOne(cluster);
		if ((cluster.info.preconnectRatio ?? 1) > 1) this.#preconnect(cluster);
	}

	cancel(user: UpstreamUser): void {
		const at = this.#waiters.findIndex((waiter) => waiter.user === user);
		if (at < 0) return;
		const [waiter] = this.#waiters.splice(at, 1);
		waiter!.breakers.releasePending();
		this.#host.stats.rqPendingActive--;
	}

	retire(how: "left" | "cut"): void {
		for (const connection of how === "cut" ? this.#all.list() : [...this.#idle]) connection.close();
	}

	onFree(connection: Http1ClientConnection): void {
		const { maxRequestsPerConnection, maxConnectionDurationMs } = connection.cluster.info;
		if (connection.requests === 0) {
			this.#connecting--;
			if (maxConnectionDurationMs > 0) connection.connectedMs = this.#context.clock.nowMs();
		} else if (this.#retireWhenOld(connection)) return;
		if (maxRequestsPerConnection > 0 && connection.requests >= maxRequestsPerConnection) {
			connection.cluster.stats.upstreamCxMaxRequests.inc();
			connection.close();
			return;
		}
		const waiter = this.#waiters.shift();
		if (waiter) {
			waiter.breakers.releasePending();
			this.#host.stats.rqPendingActive--;
			connection.attach(waiter.user);
			waiter.user.onReady(connection);
		} else if (this.#unwanted) connection.close();
		else this.#rest(connection);
	}

	onGone(connection: Http1ClientConnection, failure: ConnectFailure | undefined): void {
		this.#all.delete(connection);
		this.#host.stats.cxActive--;
		const { stats } = connection.cluster;
		stats.upstreamCxActive.add(-1);
		stats.upstreamCxDestroy.inc();
		connection.breakers?.releaseConnection();
		if (failure) {
			this.#connecting--;
			this.#connectFailed(connection, failure);
			return;
		}
		const at = this.#idle.indexOf(connection);
		if (at >= 0) this.#idle.splice(at, 1);
		const waiter = this.#waiters[0];
		if (waiter && this.#waiters.length > this.#connecting) this.#openOne(waiter.cluster);
	}

	onIdleTimer(connection: Http1ClientConnection): void {
		if (!this.#idle.includes(connection)) return;
		const { idleTimeoutMs } = connection.cluster.info;
		const idleMs = this.#context.clock.nowMs() - connection.idleSinceMs;
		if (this.#retireWhenOld(connection)) return;
		if (this.#unwanted) connection.close();
		else if (idleTimeoutMs > 0 && idleMs >= idleTimeoutMs) {
			connection.cluster.stats.upstreamCxIdleTimeout.inc();
			connection.close();
		} else this.#watch(connection, idleMs);
	}

	/** Opens connections for requests that are still to come (Envoy: ConnPoolImplBase::tryCreateNewConnections). */
	#preconnect(cluster: UpstreamCluster): void {
		if (!this.#host.healthy) return;
		const ratio = cluster.info.preconnectRatio ?? 1;
		for (let opened = 0; opened < MAX_PRECONNECTS; opened++) {
			const free = this.#idle.length + this.#connecting;
			const active = this.#all.size - free;
			if ((this.#waiters.length + active) * ratio <= free + active) return;
			const before = this.#connecting;
			this.#openOne(cluster);
			if (this.#connecting === before) return;
		}
	}

	/** No request will ask for this pool's connections again. */
	get #unwanted(): boolean {
		return this.#host.removed || this.#route.security.closed;
	}

	/** Closes a connection that is past its age; true when it was. */
	#retireWhenOld(connection: Http1ClientConnection): boolean {
		const { maxConnectionDurationMs } = connection.cluster.info;
		if (maxConnectionDurationMs <= 0) return false;
		if (this.#context.clock.nowMs() - connection.connectedMs < maxConnectionDurationMs) return false;
		connection.cluster.stats.upstreamCxMaxDurationReached.inc();
		connection.close();
		return true;
	}

	#rest(connection: Http1ClientConnection): void {
		connection.idleSinceMs = this.#context.clock.nowMs();
		this.#idle.push(connection);
		if (!connection.timer.armed) this.#watch(connection, 0);
	}

	/** The timer stays armed while the connection works: it is cheaper to look at an idle time again than to arm for each request. */
	#watch(connection: Http1ClientConnection, idleMs: number): void {
		const { idleTimeoutMs } = connection.cluster.info;
		const leftMs = idleTimeoutMs > 0 ? Math.max(1, Math.ceil(idleTimeoutMs - idleMs)) : SWEEP_MS;
		this.#context.deadlines.arm(connection.timer, Math.min(leftMs, SWEEP_MS));
	}

	#openOne(cluster: UpstreamCluster): void {
		const { breakers, stats, info } = cluster;
		const counted = this.#host.stats.cxActive < info.maxConnectionsPerHost && breakers.tryConnection();
		if (!counted) {
			stats.upstreamCxOverflow.inc();
			// One connection per endpoint is always allowed, or what waits here would wait for ever (as Envoy).
			if (this.#all.size > 0) return;
		}
		this.#connecting++;
		this.#host.stats.cxTotal++;
		this.#host.stats.cxActive++;
		stats.upstreamCxTotal.inc();
		stats.upstreamCxHttp1Total.inc();
		stats.upstreamCxActive.add(1);
		const connection = new Http1ClientConnection(
			{ host: this.#host, cluster, ...this.#route },
			counted ? breakers : undefined,
			this,
		);
		this.#all.add(connection);
		if (info.connectTimeoutMs > 0) this.#context.deadlines.arm(connection.timer, info.connectTimeoutMs);
	}

	/** Everyone who waits for this endpoint is told: the next attempt may choose another. */
	#connectFailed(connection: Http1ClientConnection, failure: ConnectFailure): void {
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
