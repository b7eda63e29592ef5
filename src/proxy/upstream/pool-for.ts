import type { Host, UpstreamCluster } from "../cluster/cluster.ts";
import type { Protocol } from "../http/message.ts";
import type { TransportWishes, UpstreamTransport } from "../tls/upstream/upstream-transport.ts";
import { AutoPool } from "./auto-pool.ts";
import type { HostPool, UpstreamContext } from "./host-pool.ts";
import { Http1Pool } from "./http1-pool.ts";
import { Http2Pool } from "./http2-pool.ts";
import { RawPool } from "./raw-pool.ts";
import { transportOf } from "./transport-of.ts";

/** Where a request goes, and how. */
export interface PoolTarget {
	readonly host: Host;
	readonly cluster: UpstreamCluster;
	/** The request's own protocol, which clusters with `use_downstream_protocol_config` go by. */
	readonly downstream: Protocol;
	/** The endpoint gets the bytes of a tunnel and no HTTP. */
	readonly raw?: boolean;
	/** The client's connection, when its requests have upstream connections of their own; undefined: shared by all. */
	readonly owner?: object | undefined;
	/** What the connection must be like beyond the cluster's configuration; undefined: no wishes. */
	readonly wishes?: TransportWishes | undefined;
}

/** Connections that may stand in for each other: same protocol, same transport socket, same wishes. */
interface PoolKind {
	readonly protocol: "http1" | "http2" | "auto" | "raw";
	readonly security: UpstreamTransport;
	readonly key: string;
}

/** What `Host.pool` holds a list of. */
interface PoolEntry extends PoolKind {
	readonly pool: HostPool;
	/** Undefined: for everybody. */
	readonly owner: WeakRef<object> | undefined;
}

const NO_WISHES: TransportWishes = {};
const HTTP1_ALPN = ["http/1.1"];
const HTTP2_ALPN = ["h2"];

/** The pool for a request to an endpoint, made at first use. */
export function poolFor(
	{ host, cluster, downstream, raw, owner, wishes = NO_WISHES }: PoolTarget,
	context: UpstreamContext,
): HostPool {
	host.pool ??= [] satisfies PoolEntry[];
	host.onRetired ??= (how) => {
		for (const { pool } of host.pool as PoolEntry[]) pool.retire(how);
	};
	const entries = host.pool as PoolEntry[];
	const protocol = raw ? "raw" : protocolOf(cluster, downstream);
	const security = transportOf(cluster, host);
	const key = security.keyOf(wishes);
	for (let i = 0; i < entries.length; i++) {
		const entry = entries[i]!;
		if (entry.security === security && entry.protocol === protocol && entry.key === key && ownerOf(entry) === owner)
			return entry.pool;
	}
	const pool = makePool(host, { protocol, security, key }, wishes, context);
	keepPool(host, { protocol, security, key, pool, owner: owner && new WeakRef(owner) });
	return pool;
}

function keepPool(host: Host, entry: PoolEntry): void {
	// Pools of transports that are no longer in force empty by themselves; those of clients that are gone are emptied.
	const inForce = (host.pool as PoolEntry[]).filter((one) => {
		const left = one.owner !== undefined && one.owner.deref() === undefined;
		if (left) one.pool.retire("left");
		return !left && !one.security.closed;
	});
	host.pool = [...inForce, entry];
}

function ownerOf({ owner }: PoolEntry): object | undefined {
	return owner?.deref();
}

function makePool(
	host: Host,
	{ protocol, security }: PoolKind,
	wishes: TransportWishes,
	context: UpstreamContext,
): HostPool {
	if (protocol === "raw") return new RawPool(host, { security, wishes }, context);
	if (protocol === "auto") return new AutoPool(host, { security, wishes }, context);
	// A TLS context without ALPN of its own offers what the pool speaks.
	const http2 = protocol === "http2";
	const route = { security, wishes: { fallbackAlpn: http2 ? HTTP2_ALPN : HTTP1_ALPN, ...wishes } };
	return http2 ? new Http2Pool(host, route, context) : new Http1Pool(host, route, context);
}

function protocolOf({ info }: UpstreamCluster, downstream: Protocol): PoolKind["protocol"] {
	if (info.httpProtocol !== "downstream") return info.httpProtocol;
	return downstream === "HTTP/2" ? "http2" : "http1";
}
