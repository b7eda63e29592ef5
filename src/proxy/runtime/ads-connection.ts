import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Gauge } from "../../telemetry/metrics.ts";
import type { Node } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { AdsClient } from "../xdsclient/ads-client.ts";
import { DeltaSession } from "../xdsclient/delta-session.ts";
import { grpcStreams } from "../xdsclient/grpc-stream.ts";
import type { ResourceHandler } from "../xdsclient/resource-update.ts";
import { SotwSession } from "../xdsclient/sotw-session.ts";

export interface AdsOptions {
	readonly api: "delta" | "sotw";
	/** `http://host:port`. */
	readonly url: string;
	readonly node: Node;
	readonly handler: ResourceHandler;
	readonly clock: Clock;
	readonly random: Random;
	readonly logger: Logger;
	readonly connectedState: Gauge;
}

/** The process's one ADS stream. */
export type AdsConnection = Pick<AdsClient<unknown, unknown>, "subscribe" | "start" | "close" | "connected">;

/** Makes the client that the bootstrap asks for; this module is loaded only then, gRPC is most of its weight. */
export function connectAds(options: AdsOptions): AdsConnection {
	const { api, url, node, handler } = options;
	const streams = grpcStreams(url);
	if (api === "sotw") return new AdsClient({ ...options, session: new SotwSession(node, handler), open: streams.sotw });
	return new AdsClient({ ...options, session: new DeltaSession(node, handler), open: streams.delta });
}
