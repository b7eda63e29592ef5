import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { Logger } from "../../../telemetry/logger.ts";
import type { Gauge } from "../../../telemetry/metrics.ts";
import type { Node } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { AdsClient } from "../../xdsclient/ads-client.ts";
import { DeltaSession } from "../../xdsclient/delta-session.ts";
import { typeStreams } from "../../xdsclient/grpc-stream.ts";
import type { ResourceHandler } from "../../xdsclient/resource-update.ts";
import { SotwSession } from "../../xdsclient/sotw-session.ts";
import type { Dial } from "../services/dial-address.ts";

export interface SecretStreamOptions {
	readonly api: "delta" | "sotw";
	readonly dial: Dial;
	readonly node: Node;
	readonly handler: ResourceHandler;
	readonly clock: Clock;
	readonly random: Random;
	readonly logger: Logger;
	readonly connectedState: Gauge;
}

/** One stream to an SDS server; reconnects by itself. */
export interface SecretStream {
	/** The names of all secrets that are wanted. */
	want(names: ReadonlySet<string>): void;
	close(): void;
}

/** Opens the stream; this module is loaded only when one is needed, gRPC is most of its weight. */
export function openSecretStream(options: SecretStreamOptions): SecretStream {
	const { api, dial, node, handler } = options;
	const streams = typeStreams("secret", dial.url, dial.connect);
	const client =
		api === "sotw"
			? new AdsClient({ ...options, session: new SotwSession(node, handler, options.clock), open: streams.sotw })
			: new AdsClient({ ...options, session: new DeltaSession(node, handler, options.clock), open: streams.delta });
	let started = false;
	return {
		want(names) {
			client.subscribe("secret", names);
			if (!started) client.start();
			started = true;
		},
		close: () => client.close(),
	};
}
