import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { packAny, unpackAs } from "../../xds/any.ts";
import {
	ClientResourceStatus,
	type EcdsConfigDumpSchema,
	type RoutesConfigDumpSchema,
	type ScopedRoutesConfigDumpSchema,
} from "../../xds/generated/envoy/admin/v3/config_dump_shared_pb.ts";
import { ListenerSchema } from "../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { RouteConfigurationSchema } from "../../xds/generated/envoy/config/route/v3/route_pb.ts";
import { ScopedRouteConfigurationSchema } from "../../xds/generated/envoy/config/route/v3/scoped_route_pb.ts";
import {
	type HttpConnectionManager,
	HttpConnectionManagerSchema,
	type ScopedRoutes,
} from "../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { AdminContext } from "./admin-context.ts";

interface Manager {
	readonly hcm: HttpConnectionManager;
	readonly updatedEpochMs: number;
}

/** The connection managers of all listeners. */
function managersOf({ store }: AdminContext): Manager[] {
	return store.list("listener").flatMap(({ any, updatedEpochMs }) => {
		const listener = unpackAs(any, ListenerSchema);
		const chains = [
			...(listener?.filterChains ?? []),
			...(listener?.defaultFilterChain ? [listener.defaultFilterChain] : []),
		];
		return chains
			.flatMap(({ filters }) => filters)
			.flatMap(({ configType }) => {
				const hcm =
					configType.case === "typedConfig" ? unpackAs(configType.value, HttpConnectionManagerSchema) : undefined;
				return hcm ? [{ hcm, updatedEpochMs }] : [];
			});
	});
}

/** The route configurations that listeners bring with them. */
export function inlineRoutes(
	context: AdminContext,
): NonNullable<MessageInitShape<typeof RoutesConfigDumpSchema>["staticRouteConfigs"]> {
	return managersOf(context).flatMap(({ hcm: { routeSpecifier: routes }, updatedEpochMs }) =>
		routes.case === "routeConfig"
			? [
					{
						routeConfig: packAny(RouteConfigurationSchema, routes.value),
						lastUpdated: timestampFromMs(updatedEpochMs),
					},
				]
			: [],
	);
}

/** The scopes of all connection managers that have some. */
export function scopesDump(context: AdminContext): MessageInitShape<typeof ScopedRoutesConfigDumpSchema> {
	const scoped = managersOf(context).flatMap(({ hcm: { routeSpecifier: routes }, updatedEpochMs }) =>
		routes.case === "scopedRoutes" ? [{ scopes: routes.value, updatedEpochMs }] : [],
	);
	return {
		inlineScopedRouteConfigs: scoped.flatMap(({ scopes, updatedEpochMs }) => inlineScopes(scopes, updatedEpochMs)),
		dynamicScopedRouteConfigs: scoped.flatMap(({ scopes }) => dynamicScopes(scopes, context)),
	};
}

function inlineScopes({ name, configSpecifier: from }: ScopedRoutes, updatedEpochMs: number) {
	if (from.case !== "scopedRouteConfigurationsList") return [];
	const scopedRouteConfigs = from.value.scopedRouteConfigurations.map((scope) =>
		packAny(ScopedRouteConfigurationSchema, scope),
	);
	return [{ name, scopedRouteConfigs, lastUpdated: timestampFromMs(updatedEpochMs) }];
}

function dynamicScopes({ name, configSpecifier: from }: ScopedRoutes, { store }: AdminContext) {
	const records = store.list("scopedRoute");
	const last = records.reduce((newest, { updatedEpochMs }) => Math.max(newest, updatedEpochMs), 0);
	if (from.case !== "scopedRds" || records.length === 0) return [];
	return [
		{
			name,
			versionInfo: store.version("scopedRoute"),
			scopedRouteConfigs: records.map(({ any }) => any),
			lastUpdated: timestampFromMs(last),
		},
	];
}

/** Discovered filter configurations; undefined: there are no such filters. */
export function filtersDump(context: AdminContext): MessageInitShape<typeof EcdsConfigDumpSchema> | undefined {
	const { store } = context;
	const used = managersOf(context).some(({ hcm }) =>
		hcm.httpFilters.some(({ configType }) => configType.case === "configDiscovery"),
	);
	if (!used) return undefined;
	return {
		ecdsFilters: store.list("extension").map(({ any, version, updatedEpochMs }) => ({
			ecdsFilter: any,
			versionInfo: version ?? "",
			lastUpdated: timestampFromMs(updatedEpochMs),
			clientStatus: ClientResourceStatus.UNKNOWN,
		})),
	};
}
