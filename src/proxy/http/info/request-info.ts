import type { BytesMeter } from "../bytes-meter.ts";
import type { Protocol, ResponseFlag } from "../message.ts";
import { type ConnectionInfo, localAddress, sourceAddress, type TlsInfo } from "./connection-info.ts";
import type { RequestTrace } from "./request-trace.ts";
import type { StreamInfo } from "./stream-info.ts";

/** The stream info of one request; sets and maps come into being at first use, since most requests need none. */
export class RequestInfo implements StreamInfo {
	startEpochMs: number;
	startMs: number;
	durationMs: number | undefined = undefined;
	protocol: Protocol | undefined = undefined;
	connection: ConnectionInfo | undefined = undefined;
	responseCode = 0;
	responseCodeDetails = "";
	connectionTerminationDetails = "";
	bytesReceived = 0;
	bytesSent = 0;
	downstreamMeter: BytesMeter | undefined = undefined;
	upstreamMeter: BytesMeter | undefined = undefined;
	upstreamAttempts: StreamInfo["upstreamAttempts"] = undefined;
	upstreamHost: string | undefined = undefined;
	upstreamLocalAddress: string | undefined = undefined;
	upstreamTls: TlsInfo | undefined = undefined;
	upstreamCluster: string | undefined = undefined;
	upstreamEndpoint: StreamInfo["upstreamEndpoint"] = undefined;
	upstreamClusterMetadata: StreamInfo["upstreamClusterMetadata"] = undefined;
	upstreamProtocol: Protocol | undefined = undefined;
	requestReceivedMs: number | undefined = undefined;
	upstreamSentMs: number | undefined = undefined;
	upstreamAnsweredMs: number | undefined = undefined;
	upstreamFirstSentMs: number | undefined = undefined;
	upstreamBodyMs: number | undefined = undefined;
	upstreamEndMs: number | undefined = undefined;
	downstreamSentMs: number | undefined = undefined;
	upstreamTransportFailureReason = "";
	upstreamServiceTimeMs: number | undefined = undefined;
	requestedServerName: string | undefined = undefined;
	routeName: string | undefined = undefined;
	virtualHostName: string | undefined = undefined;
	virtualCluster: string | undefined = undefined;
	attemptCount = 0;
	routeResolutions = 0;
	routeResolutionMs = 0;
	requestId: string | undefined = undefined;
	trace: RequestTrace | undefined = undefined;
	healthCheck = false;
	#remoteAddress: string | undefined = undefined;
	#localAddress: string | undefined = undefined;
	#flags: Set<ResponseFlag> | undefined = undefined;
	#metadata: Map<string, Record<string, unknown>> | undefined = undefined;
	#filterState: Map<string, unknown> | undefined = undefined;

	constructor(startEpochMs: number, startMs: number) {
		this.startEpochMs = startEpochMs;
		this.startMs = startMs;
	}

	get downstreamRemoteAddress(): string | undefined {
		const { connection } = this;
		if (connection) this.#remoteAddress ??= sourceAddress(connection);
		return this.#remoteAddress;
	}

	set downstreamRemoteAddress(address: string | undefined) {
		this.#remoteAddress = address;
	}

	get downstreamLocalAddress(): string | undefined {
		const { connection } = this;
		if (connection) this.#localAddress ??= localAddress(connection);
		return this.#localAddress;
	}

	set downstreamLocalAddress(address: string | undefined) {
		this.#localAddress = address;
	}

	get hasResponseFlags(): boolean {
		return this.#flags !== undefined;
	}

	get responseFlags(): Set<ResponseFlag> {
		this.#flags ??= new Set();
		return this.#flags;
	}

	get dynamicMetadata(): Map<string, Record<string, unknown>> {
		this.#metadata ??= new Map();
		return this.#metadata;
	}

	get hasFilterState(): boolean {
		return this.#filterState !== undefined;
	}

	get filterState(): Map<string, unknown> {
		this.#filterState ??= new Map();
		return this.#filterState;
	}
}
