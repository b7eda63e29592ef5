import type { BytesMeter } from "../bytes-meter.ts";
import type { Protocol, ResponseFlag } from "../message.ts";
import type { ConnectionInfo, TlsInfo } from "./connection-info.ts";
import type { RequestTrace } from "./request-trace.ts";

/** What format operators tell of an endpoint. */
export interface UpstreamEndpoint {
	/** "" when it has none. */
	readonly hostname: string;
	readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** One try of a request on an endpoint. */
export interface UpstreamAttempt {
	readonly address: string;
	/** "" when it has none. */
	readonly hostname: string;
	readonly startMs: number;
	/** Of the connection that it got; undefined: none. */
	connectionId: number | undefined;
	/** How long it waited for that. */
	readyAfterMs: number | undefined;
}

/** What is known of one request (or connection) for access logs, stats, format operators and filters. Filled on the way. */
export interface StreamInfo {
	/** Wall clock, epoch milliseconds, at the first byte of the request. */
	startEpochMs: number;
	/** Monotonic clock at the same instant; durations are differences to it. */
	startMs: number;
	/** Set when the stream has ended. */
	durationMs: number | undefined;
	protocol: Protocol | undefined;
	/** The client's connection; undefined where there is none (calls of the proxy itself). */
	connection: ConnectionInfo | undefined;
	responseCode: number;
	responseCodeDetails: string;
	readonly responseFlags: Set<ResponseFlag>;
	/** False while nobody has asked for `responseFlags`: looking in is not worth making them. */
	readonly hasResponseFlags?: boolean;
	connectionTerminationDetails: string;
	/** Body bytes from / to the downstream. */
	bytesReceived: number;
	bytesSent: number;
	/** Bytes on the wire on either side; undefined: nobody asks for them. */
	downstreamMeter?: BytesMeter | undefined;
	upstreamMeter?: BytesMeter | undefined;
	/** Kept with meters only: the attempts in order. */
	upstreamAttempts?: UpstreamAttempt[] | undefined;
	/** `ip:port` texts; undefined where not known (yet). */
	downstreamRemoteAddress: string | undefined;
	downstreamLocalAddress: string | undefined;
	upstreamHost: string | undefined;
	upstreamLocalAddress: string | undefined;
	/** Undefined where the connection to the endpoint is plaintext, or there is none yet. */
	upstreamTls: TlsInfo | undefined;
	upstreamCluster: string | undefined;
	/** The endpoint of the last attempt. */
	upstreamEndpoint?: UpstreamEndpoint | undefined;
	/** `filter_metadata` of the cluster. */
	upstreamClusterMetadata?: UpstreamEndpoint["metadata"] | undefined;
	/** Of the last attempt's connection. */
	upstreamProtocol?: Protocol | undefined;
	/** Instants of the monotonic clock: the request had come whole, had gone whole, the endpoint began to answer. */
	requestReceivedMs?: number | undefined;
	upstreamSentMs?: number | undefined;
	upstreamAnsweredMs?: number | undefined;
	/** Kept with meters only: the first byte went to the endpoint, the first of the body and the last one came from it, the first one went to the client. */
	upstreamFirstSentMs?: number | undefined;
	upstreamBodyMs?: number | undefined;
	upstreamEndMs?: number | undefined;
	downstreamSentMs?: number | undefined;
	upstreamTransportFailureReason: string;
	/** Milliseconds from sending the request upstream to the response's head. */
	upstreamServiceTimeMs: number | undefined;
	requestedServerName: string | undefined;
	routeName: string | undefined;
	virtualHostName: string | undefined;
	/** Under which name of the virtual host's `virtual_clusters` the request is counted. */
	virtualCluster?: string | undefined;
	attemptCount: number;
	/** How often a route was looked for; how long that took is kept with meters only. */
	routeResolutions?: number;
	routeResolutionMs?: number;
	requestId: string | undefined;
	/** The request's spans; undefined when there are none. */
	trace: RequestTrace | undefined;
	/** Somebody's health check, marked by the health check filter. */
	healthCheck: boolean;
	/** Metadata by filter name, as Envoy's dynamic metadata. */
	readonly dynamicMetadata: Map<string, Record<string, unknown>>;
	/** False while nobody has asked for `filterState`: looking in is not worth making it. */
	readonly hasFilterState?: boolean;
	/** Typed objects that filters leave for each other (peer metadata, chosen endpoint's metadata...). */
	readonly filterState: Map<string, unknown>;
}
