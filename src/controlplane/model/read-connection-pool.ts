import type { ConnectionPool } from "./destination-rule.ts";
import type { ObjectReader } from "./object-reader.ts";

/** The `connectionPool` block of a traffic policy. */
export function readConnectionPool(r: ObjectReader): ConnectionPool {
	return { ...r.object("tcp", readTcp), ...r.object("http", readHttp) };
}

function readTcp(r: ObjectReader): ConnectionPool {
	return {
		maxConnections: r.number("maxConnections"),
		connectTimeoutMs: r.durationMs("connectTimeout"),
		tcpKeepalive: r.object("tcpKeepalive", (k) => ({
			probes: k.number("probes"),
			timeMs: k.durationMs("time"),
			intervalMs: k.durationMs("interval"),
		})),
		maxConnectionDurationMs: r.durationMs("maxConnectionDuration"),
		tcpIdleTimeoutMs: r.durationMs("idleTimeout"),
	};
}

function readHttp(r: ObjectReader): ConnectionPool {
	r.unsupported("http2KeepAlive", "no PING frames are sent");
	return {
		http1MaxPendingRequests: r.number("http1MaxPendingRequests"),
		http2MaxRequests: r.number("http2MaxRequests"),
		maxRequestsPerConnection: r.number("maxRequestsPerConnection"),
		maxRetries: r.number("maxRetries"),
		httpIdleTimeoutMs: r.durationMs("idleTimeout"),
		h2Upgrade: r.word("h2UpgradePolicy", ["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"]),
		useClientProtocol: r.boolean("useClientProtocol"),
		maxConcurrentStreams: r.number("maxConcurrentStreams"),
	};
}
