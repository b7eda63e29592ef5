import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { Counter, Gauge } from "../../telemetry/metrics.ts";
import type { ClusterLookup } from "../cluster/cluster.ts";
import type { DnsCaches } from "../cluster/forward/dns-caches.ts";
import type { SideCalls } from "../http/side-calls.ts";
import type { FormatEnvironment } from "../router/format/format-context.ts";
import { bufferFilter } from "./buffer/buffer.ts";
import { cdnLoopFilter } from "./cdn-loop/cdn-loop.ts";
import type { BodyCodecs } from "./compression/body-codec.ts";
import { compressorFilter } from "./compression/compressor.ts";
import { decompressorFilter } from "./compression/decompressor.ts";
import { corsFilter } from "./cors/cors.ts";
import { dynamicForwardProxyFilter } from "./dynamic-forward-proxy/dynamic-forward-proxy.ts";
import { extAuthzFilter } from "./ext-authz/ext-authz.ts";
import { faultFilter } from "./fault/fault.ts";
import type { CallBook } from "./grpc-stats/call-book.ts";
import { grpcStatsFilter } from "./grpc-stats/grpc-stats.ts";
import { grpcWebFilter } from "./grpc-web/grpc-web.ts";
import { headerMutationFilter } from "./header-mutation/header-mutation.ts";
import { headerToMetadataFilter } from "./header-to-metadata/header-to-metadata.ts";
import { healthCheckFilter } from "./health-check/health-check.ts";
import type { HttpFilterFactory } from "./http-filter.ts";
import { istioAlpnFilter } from "./istio-alpn/istio-alpn.ts";
import type { IstioFamilies } from "./istio-stats/istio-families.ts";
import { istioStatsFilter } from "./istio-stats/istio-stats.ts";
import { jwtAuthnFilter } from "./jwt-authn/jwt-authn.ts";
import type { JwtCrypto } from "./jwt-authn/jwt-crypto.ts";
import { localRateLimitFilter } from "./local-ratelimit/local-ratelimit.ts";
import { metadataExchangeFilter } from "./metadata-exchange/metadata-exchange.ts";
import { onDemandFilter } from "./on-demand/on-demand.ts";
import { rateLimitFilter } from "./ratelimit/ratelimit.ts";
import { rbacFilter } from "./rbac/rbac.ts";
import { setFilterStateFilter } from "./set-filter-state/set-filter-state.ts";
import { setMetadataFilter } from "./set-metadata/set-metadata.ts";
import { statefulSessionFilter } from "./stateful-session/stateful-session.ts";
import type { WorkloadMetadata } from "./workload-metadata.ts";

export interface HttpFilterDeps {
	/** Of the listener: its `traffic_direction`; a gateway is outbound. */
	readonly direction: "inbound" | "outbound";
	readonly clock: Clock;
	readonly random: Random;
	readonly clusters: ClusterLookup;
	/** Names that dynamic forward proxies resolve. */
	readonly dnsCaches: DnsCaches;
	readonly sideCalls: SideCalls;
	readonly jwtCrypto: JwtCrypto;
	/** This proxy's own workload (`workloadOfNode`). */
	readonly node: WorkloadMetadata;
	readonly istio: IstioFamilies;
	readonly env: FormatEnvironment;
	/** Compression of bodies. */
	readonly codecs: BodyCodecs;
	/** `node.cluster` of this proxy. */
	readonly serviceCluster: string;
	/** True while this proxy wants no new work: it drains, or an operator said so. */
	failing(): boolean;
	/** For stats of clusters, and those with a prefix of their own. */
	readonly metrics: Pick<Metrics, "scope">;
	/** gRPC calls in the stats of clusters; one for the process. */
	readonly calls: CallBook;
	/** A stat of the connection manager, named without its prefix: `fault.aborts_injected`. */
	counter(name: string): Counter;
	gauge(name: string): Gauge;
}

/** Names under which the filters are known; a node lists them, with the router, in `node.extensions`. */
export const HTTP_FILTER_NAMES: readonly string[] = [
	"envoy.filters.http.router",
	"envoy.filters.http.fault",
	"envoy.filters.http.cors",
	"envoy.filters.http.cdn_loop",
	"envoy.filters.http.dynamic_forward_proxy",
	"envoy.filters.http.rbac",
	"envoy.filters.http.jwt_authn",
	"envoy.filters.http.buffer",
	"envoy.filters.http.on_demand",
	"envoy.filters.http.compressor",
	"envoy.filters.http.decompressor",
	"envoy.filters.http.grpc_stats",
	"envoy.filters.http.local_ratelimit",
	"envoy.filters.http.grpc_web",
	"envoy.filters.http.ext_authz",
	"envoy.filters.http.ratelimit",
	"envoy.filters.http.header_mutation",
	"envoy.filters.http.header_to_metadata",
	"envoy.filters.http.health_check",
	"envoy.filters.http.set_filter_state",
	"envoy.filters.http.set_metadata",
	"envoy.filters.http.stateful_session",
	"istio.metadata_exchange",
	"istio.alpn",
	"istio.stats",
];

/** All filters that there are. */
export function httpFilterFactories(deps: HttpFilterDeps): readonly HttpFilterFactory[] {
	return [
		faultFilter(deps),
		corsFilter(deps),
		dynamicForwardProxyFilter(deps),
		rbacFilter(deps),
		jwtAuthnFilter(deps),
		localRateLimitFilter(deps),
		extAuthzFilter(deps),
		rateLimitFilter(deps),
		metadataExchangeFilter(deps),
		bufferFilter(),
		onDemandFilter(),
		compressorFilter(deps),
		decompressorFilter(deps),
		grpcStatsFilter(deps),
		grpcWebFilter(deps),
		headerMutationFilter(deps),
		headerToMetadataFilter(),
		cdnLoopFilter(),
		healthCheckFilter(deps),
		setFilterStateFilter(deps),
		setMetadataFilter(),
		statefulSessionFilter(deps),
		istioAlpnFilter(deps),
		istioStatsFilter(deps),
	];
}
