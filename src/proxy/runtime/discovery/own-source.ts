import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { Logger } from "../../../telemetry/logger.ts";
import type { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import type { DiscoverySource } from "../../../xds/config-source.ts";
import type { Node } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { ResourceType } from "../../../xds/type-urls.ts";
import { AdsClient } from "../../xdsclient/ads-client.ts";
import { DeltaSession } from "../../xdsclient/delta-session.ts";
import { typeStreams } from "../../xdsclient/grpc-stream.ts";
import type { ResourceHandler } from "../../xdsclient/resource-update.ts";
import type { Subscription } from "../../xdsclient/session.ts";
import { SotwSession } from "../../xdsclient/sotw-session.ts";
import type { Dial } from "../services/dial-address.ts";
import { RestPoller } from "./rest-poller.ts";

/** Something that brings resources of one type, for as long as it is open. */
export interface OwnSource {
	/** Asks for names at once; undefined: it cannot. */
	demand?(names: readonly string[]): void;
	close(): void;
}

export interface OwnSourceOptions {
	readonly type: ResourceType;
	readonly source: DiscoverySource & { kind: "grpc" | "rest" };
	readonly wanted: Subscription;
	/** Of the subscription's stats, ending with a dot. */
	readonly statPrefix: string;
	readonly dial: Dial;
	readonly node: Node;
	readonly handler: ResourceHandler;
	readonly clock: Clock;
	readonly random: Random;
	readonly logger: Logger;
	readonly registry: MetricRegistry;
}

/** Starts to ask a server for resources of one type; this module is loaded only then, gRPC is most of its weight. */
export function openOwnSource(options: OwnSourceOptions): OwnSource {
	const { source } = options;
	if (source.kind === "rest") return new RestPoller({ ...options, source });
	return openStream(options, source.api);
}

function openStream(options: OwnSourceOptions, api: "delta" | "sotw"): OwnSource {
	const { type, wanted, dial, node, handler, registry, statPrefix } = options;
	const streams = typeStreams(type, dial.url, dial.connect);
	const shared = {
		...options,
		connectedState: registry.scope(`${statPrefix}control_plane.`).gauge("connected_state"),
	};
	const client =
		api === "sotw"
			? new AdsClient({ ...shared, session: new SotwSession(node, handler, options.clock), open: streams.sotw })
			: new AdsClient({ ...shared, session: new DeltaSession(node, handler, options.clock), open: streams.delta });
	client.subscribe(type, wanted);
	client.start();
	return { demand: (names) => client.demand(type, names), close: () => client.close() };
}
