import type { Socket } from "node:net";
import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { Metrics } from "../../../telemetry/metric-registry.ts";
import type { ClusterLookup } from "../../cluster/cluster.ts";
import type { Deadlines } from "../../http/deadlines.ts";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { TcpProxyConfig } from "./tcp-proxy-config.ts";
import type { TcpProxyStats } from "./tcp-proxy-stats.ts";

/** Why a TCP access log line is written, in Envoy's words (%ACCESS_LOG_TYPE%). */
export type TcpLogType = "TcpConnectionStart" | "TcpUpstreamConnected" | "TcpPeriodic" | "TcpConnectionEnd";

export interface TcpServices {
	readonly clock: Clock;
	readonly random: Random;
	readonly deadlines: Deadlines;
	readonly clusters: ClusterLookup;
	readonly metrics: Pick<Metrics, "scope">;
	/** What this proxy tells of itself where a peer has agreed to it; undefined: nothing. */
	readonly peerPreamble?: Uint8Array | undefined;
	/** At the connection's end, and before where the configuration asks for it. */
	readonly accessLog?: (info: StreamInfo, type: TcpLogType) => void;
}

/** A client's connection for tcp_proxy. */
export interface TcpDownstream {
	readonly socket: Socket;
	readonly connection?: ConnectionInfo | undefined;
	/** The connection's record, if there is one already. */
	readonly info?: StreamInfo | undefined;
	readonly bufferLimitBytes: number;
	/** Called once, when the connection is gone. */
	readonly onClosed: () => void;
}

/** What the sessions of one tcp_proxy share. */
export interface TcpShared {
	readonly config: TcpProxyConfig;
	readonly services: TcpServices;
	readonly stats: TcpProxyStats;
	/** The listener ends. */
	draining: boolean;
}
