import { create, type DescMessage, type JsonObject } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { packAny } from "../../../xds/any.ts";
import { CorsSchema } from "../../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.ts";
import { FilterConfigSchema as DynamicForwardSchema } from "../../../xds/generated/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts";
import { HTTPFaultSchema } from "../../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.ts";
import { FilterConfigSchema as GrpcStatsSchema } from "../../../xds/generated/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts";
import { RouterSchema } from "../../../xds/generated/envoy/extensions/filters/http/router/v3/router_pb.ts";
import {
	type HttpFilter,
	HttpFilterSchema,
} from "../../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { TypedStructSchema } from "../../../xds/generated/udpa/type/v1/typed_struct_pb.ts";
import { canResolveNames, DNS_CACHE, DYNAMIC_FORWARD_FILTER } from "../cluster/dynamic-forward-cluster.ts";
import {
	CORS_FILTER,
	FAULT_FILTER,
	GRPC_STATS_FILTER,
	METADATA_EXCHANGE_FILTER,
	ROUTER_FILTER,
	STATS_FILTER,
} from "../filter-names.ts";

/** Which side of a proxy a filter chain is on. */
export type TrafficSide = "outbound" | "inbound" | "gateway";

interface FilterChoice {
	readonly name: string;
	readonly sides: readonly TrafficSide[];
	config(side: TrafficSide): Any;
}

const EVERYWHERE: readonly TrafficSide[] = ["outbound", "inbound", "gateway"];
const CLIENT: readonly TrafficSide[] = ["outbound", "gateway"];

/** All filters, in Istio's order (istio-traffic-api.md 10.5); a proxy gets those that it has. */
const FILTERS: readonly FilterChoice[] = [
	{ name: METADATA_EXCHANGE_FILTER, sides: EVERYWHERE, config: peerMetadata },
	{ name: GRPC_STATS_FILTER, sides: EVERYWHERE, config: () => packAny(GrpcStatsSchema, { emitFilterState: true }) },
	{ name: FAULT_FILTER, sides: CLIENT, config: empty(HTTPFaultSchema) },
	{ name: CORS_FILTER, sides: CLIENT, config: empty(CorsSchema) },
	{ name: STATS_FILTER, sides: EVERYWHERE, config: statsConfig },
];

/**
 * The HTTP filters of one chain. Istio's own, and everything but the router, only when `node.extensions` lists them: real Envoy from
 * upstream has none of Istio's.
 */
export function httpFilters(side: TrafficSide, extensions: ReadonlySet<string>): HttpFilter[] {
	const chosen = FILTERS.filter((f) => f.sides.includes(side) && extensions.has(f.name));
	const filters = chosen.map((f) => httpFilter(f.name, f.config(side)));
	if (side === "outbound" && canResolveNames(extensions)) filters.push(dynamicForwardFilter());
	return [...filters, httpFilter(ROUTER_FILTER, packAny(RouterSchema, {}))];
}

/** Peers inside the mesh tell each other who they are in two headers; hosts outside never get them. */
function peerMetadata(side: TrafficSide): Any {
	const method = { istio_headers: {} };
	const value: JsonObject =
		side === "inbound"
			? { downstream_discovery: [method], downstream_propagation: [method] }
			: { upstream_discovery: [method], upstream_propagation: [method] };
	return typedStruct("type.googleapis.com/io.istio.http.peer_metadata.Config", value);
}

function statsConfig(side: TrafficSide): Any {
	// Host headers from outside would make one series each (istio-security-telemetry-cli.md 2.2).
	const value: JsonObject = side === "gateway" ? { disable_host_header_fallback: true } : {};
	return typedStruct("type.googleapis.com/stats.PluginConfig", value);
}

function typedStruct(typeUrl: string, value: JsonObject): Any {
	return packAny(TypedStructSchema, { typeUrl, value });
}

function dynamicForwardFilter(): HttpFilter {
	const config = packAny(DynamicForwardSchema, {
		implementationSpecifier: { case: "dnsCacheConfig", value: DNS_CACHE },
	});
	return httpFilter(DYNAMIC_FORWARD_FILTER, config);
}

function empty(schema: DescMessage): () => Any {
	return () => packAny(schema, {});
}

function httpFilter(name: string, value: Any): HttpFilter {
	return create(HttpFilterSchema, { name, configType: { case: "typedConfig", value } });
}
