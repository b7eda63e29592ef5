import { create, type JsonValue, toJson } from "@bufbuild/protobuf";
import { packAny } from "../../xds/any.ts";
import { ConfigDumpSchema } from "../../xds/generated/envoy/admin/v3/config_dump_pb.ts";
import {
	ClustersConfigDumpSchema,
	EndpointsConfigDumpSchema,
	ListenersConfigDumpSchema,
	RoutesConfigDumpSchema,
} from "../../xds/generated/envoy/admin/v3/config_dump_shared_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { RESOURCE_TYPES } from "../../xds/type-urls.ts";
import type { EncodedResource } from "./resource-encoder.ts";
import type { StreamSession } from "./stream-session.ts";

/** What a proxy was sent, in the form of Envoy's `/config_dump`, so that the same readers work on both. */
export function configDump(session: StreamSession): JsonValue {
	const sent = (typeUrl: string): EncodedResource[] => [...(session.types.get(typeUrl)?.sent.values() ?? [])];
	const dump = create(ConfigDumpSchema, {
		configs: [
			packAny(ClustersConfigDumpSchema, {
				dynamicActiveClusters: sent(RESOURCE_TYPES.cluster).map((r) => ({ versionInfo: r.version, cluster: r.any })),
			}),
			packAny(ListenersConfigDumpSchema, {
				dynamicListeners: sent(RESOURCE_TYPES.listener).map((r) => ({
					name: r.name,
					activeState: { versionInfo: r.version, listener: r.any },
				})),
			}),
			packAny(RoutesConfigDumpSchema, {
				dynamicRouteConfigs: sent(RESOURCE_TYPES.route).map((r) => ({ versionInfo: r.version, routeConfig: r.any })),
			}),
			packAny(EndpointsConfigDumpSchema, {
				dynamicEndpointConfigs: sent(RESOURCE_TYPES.endpoint).map((r) => ({
					versionInfo: r.version,
					endpointConfig: r.any,
				})),
			}),
		],
	});
	return toJson(ConfigDumpSchema, dump, { registry: xdsRegistry(), useProtoFieldName: true });
}
