import type { MessageInitShape } from "@bufbuild/protobuf";
import { packAny } from "../../../xds/any.ts";
import type { FilterSchema } from "../../../xds/generated/envoy/config/listener/v3/listener_components_pb.ts";
import type { RouteConfiguration } from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";
import {
	HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
	HttpConnectionManagerSchema,
} from "../../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { MeshConfig } from "../../model/mesh-config.ts";
import { ADS_SOURCE } from "../ads-source.ts";
import { ZERO_DURATION } from "../duration.ts";
import { HTTP_CONNECTION_MANAGER } from "../filter-names.ts";
import { accessLog } from "./access-log.ts";
import { httpFilters, type TrafficSide } from "./http-filters.ts";

type HcmInit = MessageInitShape<typeof HttpConnectionManagerSchema>;

export interface HcmSettings {
	readonly side: TrafficSide;
	readonly statPrefix: string;
	/** A route configuration of its own, or the name of one to ask for. */
	readonly routes: RouteConfiguration | string;
	readonly extensions: ReadonlySet<string>;
	readonly mesh: MeshConfig;
}

/** The HTTP connection manager as Istio configures it (istio-traffic-api.md 10.5). */
export function httpConnectionManager(settings: HcmSettings): MessageInitShape<typeof FilterSchema> {
	const { side, mesh, statPrefix, extensions } = settings;
	const value = packAny(HttpConnectionManagerSchema, {
		statPrefix,
		routeSpecifier: routeSpecifier(settings.routes),
		httpFilters: httpFilters(side, extensions),
		accessLog: accessLog(mesh),
		tracing: tracing(mesh),
		upgradeConfigs: [{ upgradeType: "websocket" }],
		streamIdleTimeout: ZERO_DURATION,
		useRemoteAddress: side === "gateway",
		// Istio's outbound side leaves the name to Envoy.
		serverName: side === "outbound" ? "" : "istio-envoy",
		...pathNormalization(mesh),
	});
	return { name: HTTP_CONNECTION_MANAGER, configType: { case: "typedConfig", value } };
}

function routeSpecifier(routes: RouteConfiguration | string): HcmInit["routeSpecifier"] {
	if (typeof routes === "string") return { case: "rds", value: { configSource: ADS_SOURCE, routeConfigName: routes } };
	return { case: "routeConfig", value: routes };
}

/** Sampling of new traces; a trace that a caller sampled goes on. */
function tracing(mesh: MeshConfig): HcmInit["tracing"] {
	if (!mesh.enableTracing) return undefined;
	return {
		clientSampling: { value: 100 },
		randomSampling: { value: mesh.tracingSamplingPercent },
		overallSampling: { value: 100 },
	};
}

function pathNormalization({
	pathNormalization: level,
}: MeshConfig): Pick<HcmInit, "normalizePath" | "mergeSlashes" | "pathWithEscapedSlashesAction"> {
	if (level === "NONE") return {};
	if (level === "BASE") return { normalizePath: true };
	if (level === "MERGE_SLASHES") return { normalizePath: true, mergeSlashes: true };
	return { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashesAction: EscapedSlashes.UNESCAPE_AND_FORWARD };
}
