import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { Logger } from "../../../telemetry/logger.ts";
import type { Gauge } from "../../../telemetry/metrics.ts";
import type { Node } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { AdsClient } from "../../xdsclient/ads-client.ts";
import { DeltaSession } from "../../xdsclient/delta-session.ts";
import { grpcStreams } from "../../xdsclient/grpc-stream.ts";
import type { ResourceHandler } from "../../xdsclient/resource-update.ts";
import { SotwSession } from "../../xdsclient/sotw-session.ts";
import type { Dial } from "../services/dial-address.ts";

export interface AdsOptions {
	readonly api: "delta" | "sotw";
	readonly dial: Dial;
	readonly node: Node;
	readonly handler: ResourceHandler;
	readonly clock: Clock;
	readonly random: Random;
	readonly logger: Logger;
	readonly connectedState: Gauge;
}

/** The process's one ADS stream. */
export type AdsConnection = Pick<AdsClient<unknown, unknown>, "subscribe" | "demand" | "start" | "close" | "connected">;

/** Makes the client that the bootstrap asks for; this module is loaded only then, gRPC is most of its weight. */
export function connectAds(options: AdsOptions): AdsConnection {
	const { api, dial, node, handler } = options;
	const streams = grpcStreams(dial.url, dial.connect);
	if (api === "sotw")
		return new AdsClient({ ...options, session: new SotwSession(node, handler, options.clock), open: streams.sotw });
	return new AdsClient({ ...options, session: new DeltaSession(node, handler, options.clock), open: streams.delta });
}
