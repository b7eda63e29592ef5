import type { Duplex } from "node:stream";
import { type CallOptions, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ClusterDiscoveryService } from "../../xds/generated/envoy/service/cluster/v3/cds_pb.ts";
import { AggregatedDiscoveryService } from "../../xds/generated/envoy/service/discovery/v3/ads_pb.ts";
import type {
	DeltaDiscoveryRequest,
	DeltaDiscoveryResponse,
	DiscoveryRequest,
	DiscoveryResponse,
} from "../../xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { EndpointDiscoveryService } from "../../xds/generated/envoy/service/endpoint/v3/eds_pb.ts";
import { ExtensionConfigDiscoveryService } from "../../xds/generated/envoy/service/extension/v3/config_discovery_pb.ts";
import { ListenerDiscoveryService } from "../../xds/generated/envoy/service/listener/v3/lds_pb.ts";
import {
	RouteDiscoveryService,
	VirtualHostDiscoveryService,
} from "../../xds/generated/envoy/service/route/v3/rds_pb.ts";
import { ScopedRoutesDiscoveryService } from "../../xds/generated/envoy/service/route/v3/srds_pb.ts";
import { SecretDiscoveryService } from "../../xds/generated/envoy/service/secret/v3/sds_pb.ts";
import type { ResourceType } from "../../xds/type-urls.ts";
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

/** The service of one type on a stream of its own, otherwise as `grpcStreams`. */
export function typeStreams(type: ResourceType, baseUrl: string, connect?: () => Duplex): AdsStreams {
	const { sotw, delta } = callsOf(type, transportTo(baseUrl, connect));
	return {
		delta: (requests, signal) => untilCancelled(delta(requests, { signal }), signal),
		sotw: (requests, signal) => untilCancelled(sotw(requests, { signal }), signal),
	};
}

interface Calls {
	sotw(requests: AsyncIterable<DiscoveryRequest>, options: CallOptions): AsyncIterable<DiscoveryResponse>;
	delta(requests: AsyncIterable<DeltaDiscoveryRequest>, options: CallOptions): AsyncIterable<DeltaDiscoveryResponse>;
}

function callsOf(type: ResourceType, transport: Transport): Calls {
	switch (type) {
		case "cluster": {
			const { streamClusters: sotw, deltaClusters: delta } = createClient(ClusterDiscoveryService, transport);
			return { sotw, delta };
		}
		case "endpoint": {
			const { streamEndpoints: sotw, deltaEndpoints: delta } = createClient(EndpointDiscoveryService, transport);
			return { sotw, delta };
		}
		case "listener": {
			const { streamListeners: sotw, deltaListeners: delta } = createClient(ListenerDiscoveryService, transport);
			return { sotw, delta };
		}
		case "scopedRoute": {
			const { streamScopedRoutes: sotw, deltaScopedRoutes: delta } = createClient(
				ScopedRoutesDiscoveryService,
				transport,
			);
			return { sotw, delta };
		}
		case "route": {
			const { streamRoutes: sotw, deltaRoutes: delta } = createClient(RouteDiscoveryService, transport);
			return { sotw, delta };
		}
		case "virtualHost":
			return { sotw: noSotw, delta: createClient(VirtualHostDiscoveryService, transport).deltaVirtualHosts };
		case "secret": {
			const { streamSecrets: sotw, deltaSecrets: delta } = createClient(SecretDiscoveryService, transport);
			return { sotw, delta };
		}
		case "extension": {
			const client = createClient(ExtensionConfigDiscoveryService, transport);
			return { sotw: client.streamExtensionConfigs, delta: client.deltaExtensionConfigs };
		}
	}
}

function noSotw(): never {
	throw new Error("virtual hosts come by delta alone");
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
