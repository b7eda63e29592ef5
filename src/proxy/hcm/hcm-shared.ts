import type { Socket } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Roster, RosterMember } from "../../lib/roster.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { FilterStream } from "../filter/http-filter.ts";
import type { ForwardContext } from "../forward/forward-context.ts";
import type { Metering } from "../http/bytes-meter.ts";
import type { Deadlines } from "../http/deadlines.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { Http2Stats } from "../http/http2/http2-stats.ts";
import type { ConnectionInfo } from "../http/info/connection-info.ts";
import type { RequestTrace } from "../http/info/request-trace.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import type { LoadShedding } from "../overload/overload-manager.ts";
import type { Mutation } from "../router/headers/header-mutations.ts";
import type { RouteTable } from "../router/route-match.ts";
import type { DateHeader } from "./fields/date-header.ts";
import type { HcmConfig } from "./hcm-config.ts";
import type { HcmStats } from "./hcm-stats.ts";
import type { LocalReplyRules } from "./stream/local-reply-rules.ts";

/** Why a stream is logged, in Envoy's words (%ACCESS_LOG_TYPE%). */
export type StreamLogType =
	| "DownstreamStart"
	| "DownstreamTunnelSuccessfullyEstablished"
	| "DownstreamPeriodic"
	| "DownstreamEnd";

/** What a connection manager needs of the process. */
export interface HcmServices {
	readonly clock: Clock;
	readonly random: Random;
	readonly deadlines: Deadlines;
	readonly clusters: ForwardContext["clusters"];
	readonly metrics: Pick<Metrics, "scope">;
	/** The listener's name in stats, `127.0.0.1_80`; undefined: no stats of its own. */
	readonly listenerStatName?: string;
	/** Asked once per request; undefined before the routes have come: 404, NR. */
	routeTable(request: RequestHead): RouteTable | undefined;
	/** Asks for what may route a request that has no route; `done` is called with the answer in force. False: nobody can be asked. */
	readonly demandRoute?: (request: RequestHead, done: () => void) => boolean;
	/** Whether load is to be shed; undefined: never. */
	readonly loadShedding?: () => LoadShedding | undefined;
	/** Change requests as they come in. */
	readonly earlyMutations?: readonly Mutation[] | undefined;
	/** Names this proxy to upstreams, where the connection manager is to (`add_user_agent`). */
	readonly node?: { readonly id: string; readonly cluster: string };
	/** Changes the proxy's own answers. */
	readonly localReplies?: LocalReplyRules | undefined;
	/** At a stream's end, and before where the configuration asks for it. */
	readonly accessLog?: (
		stream: FilterStream,
		response: ResponseHead | undefined,
		trailers: HeaderMap | undefined,
		type: StreamLogType,
	) => void;
	/** Whether somebody asks what streams take on the wire. */
	readonly metering?: Metering;
	/** Undefined: requests are not traced. */
	readonly tracing?: { start(stream: FilterStream): RequestTrace | undefined } | undefined;
	/** IP that stands for this node in x-forwarded-for when the peer is on loopback. */
	readonly localAddress?: string;
}

/** A connection that a listener has accepted. */
export interface AcceptedSocket {
	/** Of `node:net` or, after the handshake, of `node:tls`; bytes read ahead have been put back (`unshift`). */
	readonly socket: Socket;
	/** Undefined: only its socket is known. */
	readonly connection?: ConnectionInfo;
	/** More bytes than this waiting to be sent: the sender is held back. */
	readonly bufferLimitBytes: number;
	/** Called once, when the connection is gone. */
	readonly onClosed: () => void;
}

/** Serves HTTP on accepted sockets by one configuration. */
export interface ConnectionManager {
	accept(connection: AcceptedSocket): void;
	/** The next answers carry `connection: close`; connections at rest are closed. */
	drain(): void;
	/** Cuts what is left. */
	close(): void;
	readonly activeConnections: number;
}

/** A connection as its manager sees it. */
export interface LiveConnection extends RosterMember {
	drain(): void;
	destroy(): void;
}

/** What connections and streams of one manager share. */
export interface HcmShared {
	readonly config: HcmConfig;
	readonly services: HcmServices;
	readonly forward: ForwardContext;
	readonly stats: HcmStats;
	/** Of all HTTP/2 connections of the process. */
	readonly http2Stats: Http2Stats;
	readonly date: DateHeader;
	readonly connections: Roster<LiveConnection>;
	draining: boolean;
}
