import type { Duplex } from "node:stream";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AggregatedDiscoveryService } from "../../xds/generated/envoy/service/discovery/v3/ads_pb.ts";
import type {
	DeltaDiscoveryRequest,
	DeltaDiscoveryResponse,
	DiscoveryRequest,
	DiscoveryResponse,
} from "../../xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { SecretDiscoveryService } from "../../xds/generated/envoy/service/secret/v3/sds_pb.ts";
import type { OpenStream } from "./ads-client.ts";

/** A dead peer is noticed by unanswered HTTP/2 pings. */
const PING_INTERVAL_MS = 20_000;
const PING_TIMEOUT_MS = 5000;
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;

export interface AdsStreams {
	readonly delta: OpenStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
	readonly sotw: OpenStream<DiscoveryRequest, DiscoveryResponse>;
}

/** ADS over gRPC to `http://host:port`; `connect` makes the connections when they do not simply go there. */
export function grpcStreams(baseUrl: string, connect?: () => Duplex): AdsStreams {
	const client = createClient(AggregatedDiscoveryService, transportTo(baseUrl, connect));
	return {
		delta: (requests, signal) => untilCancelled(client.deltaAggregatedResources(requests, { signal }), signal),
		sotw: (requests, signal) => untilCancelled(client.streamAggregatedResources(requests, { signal }), signal),
	};
}

/** SDS on a stream of its own, otherwise as `grpcStreams`. */
export function sdsStreams(baseUrl: string, connect?: () => Duplex): AdsStreams {
	const client = createClient(SecretDiscoveryService, transportTo(baseUrl, connect));
	return {
		delta: (requests, signal) => untilCancelled(client.deltaSecrets(requests, { signal }), signal),
		sotw: (requests, signal) => untilCancelled(client.streamSecrets(requests, { signal }), signal),
	};
}

function transportTo(baseUrl: string, connect: (() => Duplex) | undefined) {
	return createGrpcTransport({
		baseUrl,
		pingIntervalMs: PING_INTERVAL_MS,
		pingTimeoutMs: PING_TIMEOUT_MS,
		readMaxBytes: MAX_RESPONSE_BYTES,
		...(connect && { nodeOptions: { createConnection: connect } }),
	});
}

/** Our own closing of the stream is its end, not a failure. */
async function* untilCancelled<T>(responses: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
	try {
		yield* responses;
	} catch (error) {
		if (signal.aborted && ConnectError.from(error).code === Code.Canceled) return;
		throw error;
	}
}
