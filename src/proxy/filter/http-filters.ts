import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Counter, Gauge } from "../../telemetry/metrics.ts";
import type { ClusterLookup } from "../cluster/cluster.ts";
import type { SideCalls } from "../http/side-calls.ts";
import { corsFilter } from "./cors/cors.ts";
import { faultFilter } from "./fault/fault.ts";
import type { HttpFilterFactory } from "./http-filter.ts";
import type { IstioFamilies } from "./istio-stats/istio-families.ts";
import { istioStatsFilter } from "./istio-stats/istio-stats.ts";
import { metadataExchangeFilter } from "./metadata-exchange/metadata-exchange.ts";
import { rbacFilter } from "./rbac/rbac.ts";
import type { WorkloadMetadata } from "./workload-metadata.ts";

export interface HttpFilterDeps {
	/** Of the listener: its `traffic_direction`; a gateway is outbound. */
	readonly direction: "inbound" | "outbound";
	readonly clock: Clock;
	readonly random: Random;
	readonly clusters: ClusterLookup;
	readonly sideCalls: SideCalls;
	/** This proxy's own workload (`workloadOfNode`). */
	readonly node: WorkloadMetadata;
	readonly istio: IstioFamilies;
	/** A stat of the connection manager, named without its prefix: `fault.aborts_injected`. */
	counter(name: string): Counter;
	gauge(name: string): Gauge;
}

/** Names under which the filters are known; a node lists them, with the router, in `node.extensions`. */
export const HTTP_FILTER_NAMES: readonly string[] = [
	"envoy.filters.http.router",
	"envoy.filters.http.fault",
	"envoy.filters.http.cors",
	"envoy.filters.http.rbac",
	"istio.metadata_exchange",
	"istio.stats",
];

/** All filters that there are. */
export function httpFilterFactories(deps: HttpFilterDeps): readonly HttpFilterFactory[] {
	return [faultFilter(deps), corsFilter(deps), rbacFilter(deps), metadataExchangeFilter(deps), istioStatsFilter(deps)];
}
