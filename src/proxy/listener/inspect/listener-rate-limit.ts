import type { Metrics } from "../../../telemetry/metric-registry.ts";
import type { TokenBucket } from "../../network/filters/token-bucket.ts";
import type { ListenerFilter } from "./listener-filter.ts";

/** Closes connections that come faster than the bucket fills (Envoy: envoy.filters.listener.local_ratelimit). One for all connections. */
export function createListenerRateLimit(
	statPrefix: string,
	bucket: TokenBucket,
	metrics: Pick<Metrics, "scope">,
): ListenerFilter {
	const limited = metrics.scope(`listener_local_ratelimit.${statPrefix}.`).counter("rate_limited");
	return {
		onAccept() {
			if (bucket.take()) return "done";
			limited.inc();
			return "close";
		},
	};
}
