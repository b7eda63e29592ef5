import { create, type DescMessage, type JsonObject, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
	BootstrapConfigDumpSchema,
	SecretsConfigDumpSchema,
} from "../../xds/generated/envoy/admin/v3/config_dump_pb.ts";
import {
	ClientResourceStatus,
	ClustersConfigDumpSchema,
	EcdsConfigDumpSchema,
	EndpointsConfigDumpSchema,
	ListenersConfigDumpSchema,
	RoutesConfigDumpSchema,
	ScopedRoutesConfigDumpSchema,
	type UpdateFailureStateSchema,
} from "../../xds/generated/envoy/admin/v3/config_dump_shared_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { type ResourceType, typeUrlOf } from "../../xds/type-urls.ts";
import type { RefusedRecord, ResourceRecord } from "../xdsclient/resource-store.ts";
import type { AdminContext } from "./admin-context.ts";
import { type AdminAnswer, type AdminPage, hasFlag, JSON_TYPE } from "./admin-page.ts";
import type { DumpSection } from "./config-dump-query.ts";
import { endpointsDump } from "./endpoint-dump.ts";
import { redact } from "./redact.ts";
import { filtersDump, inlineRoutes, scopesDump } from "./route-dump.ts";
import { secretsDump } from "./secret-pages.ts";

export const CONFIG_DUMP_PAGES: readonly AdminPage[] = [
	{ path: "/config_dump", help: "dump current Envoy configs (experimental)", answer: configDump },
];

async function configDump(context: AdminContext, query: URLSearchParams): Promise<AdminAnswer> {
	const all = sections(context, hasFlag(query, "include_eds"));
	const asked = ["resource", "name_regex", "mask"].some((name) => query.has(name));
	if (!asked) return json(all.map((section) => section.json));
	const { DumpQueryError, queryDump } = await import("./config-dump-query.ts");
	try {
		return json(queryDump(all, query));
	} catch (error) {
		if (!(error instanceof DumpQueryError)) throw error;
		return { status: error.status, body: `${error.message}\n` };
	}
}

function json(configs: readonly JsonObject[]): AdminAnswer {
	return { contentType: JSON_TYPE, body: `${JSON.stringify({ configs }, undefined, 1)}\n` };
}

function sections(context: AdminContext, withEndpoints: boolean): DumpSection[] {
	const bootstrap = section(BootstrapConfigDumpSchema, {
		bootstrap: context.bootstrap,
		lastUpdated: timestampFromMs(context.startedEpochMs),
	});
	const filters = filtersDump(context);
	return [
		bootstrap,
		section(ClustersConfigDumpSchema, clusters(context)),
		...(filters ? [section(EcdsConfigDumpSchema, filters)] : []),
		...(withEndpoints ? [section(EndpointsConfigDumpSchema, endpointsDump(context))] : []),
		section(ListenersConfigDumpSchema, listeners(context)),
		section(ScopedRoutesConfigDumpSchema, scopesDump(context)),
		section(RoutesConfigDumpSchema, routes(context)),
		section(SecretsConfigDumpSchema, secretsDump(context)),
	];
}

function section<D extends DescMessage>(schema: D, init: MessageInitShape<D>): DumpSection {
	const message = create(schema, init);
	const body = toJson(schema, message, { registry: xdsRegistry(), useProtoFieldName: true }) as JsonObject;
	return { desc: schema, json: { "@type": typeUrlOf(schema.typeName), ...redact(body) } };
}

interface Split {
	readonly fixed: ResourceRecord[];
	readonly dynamic: (ResourceRecord & { readonly version: string })[];
	/** Refused ones that have no good one before them. */
	readonly onlyRefused: RefusedRecord[];
	failureOf(name: string): MessageInitShape<typeof UpdateFailureStateSchema> | undefined;
}

function split(context: AdminContext, type: ResourceType): Split {
	const all = context.store.list(type);
	const refused = context.store.refused(type);
	return {
		fixed: all.filter(({ version }) => version === undefined),
		dynamic: all.filter((record): record is Split["dynamic"][number] => record.version !== undefined),
		onlyRefused: refused.filter(({ name }) => !context.store.get(type, name)),
		failureOf(name) {
			const found = refused.find((record) => record.name === name);
			return found && failure(found);
		},
	};
}

/** Envoy tells what a listener was to be, not its version. */
function listenerFailure({
	any: failedConfiguration,
	details,
	attemptedEpochMs,
}: RefusedRecord): MessageInitShape<typeof UpdateFailureStateSchema> {
	return { failedConfiguration, details, lastUpdateAttempt: timestampFromMs(attemptedEpochMs) };
}

function failure(record: RefusedRecord): MessageInitShape<typeof UpdateFailureStateSchema> {
	return {
		details: record.details,
		versionInfo: record.version,
		lastUpdateAttempt: timestampFromMs(record.attemptedEpochMs),
	};
}

const updated = (record: ResourceRecord): Timestamp => timestampFromMs(record.updatedEpochMs);

function clusters(context: AdminContext): MessageInitShape<typeof ClustersConfigDumpSchema> {
	const { fixed, dynamic, onlyRefused, failureOf } = split(context, "cluster");
	const waiting = new Set(context.warming().clusters);
	const show = (record: Split["dynamic"][number]) => {
		const errorState = failureOf(record.name);
		return {
			versionInfo: record.version,
			cluster: record.any,
			lastUpdated: updated(record),
			...(errorState && { errorState }),
		};
	};
	return {
		versionInfo: context.store.version("cluster"),
		staticClusters: fixed.map((record) => ({ cluster: record.any, lastUpdated: updated(record) })),
		dynamicActiveClusters: dynamic.filter(({ name }) => !waiting.has(name)).map(show),
		dynamicWarmingClusters: [
			...dynamic.filter(({ name }) => waiting.has(name)).map(show),
			...onlyRefused.map((record) => ({
				versionInfo: "",
				errorState: failure(record),
				clientStatus: ClientResourceStatus.NACKED,
			})),
		],
	};
}

function listeners(context: AdminContext): MessageInitShape<typeof ListenersConfigDumpSchema> {
	const { fixed, dynamic, onlyRefused } = split(context, "listener");
	const waiting = new Set(context.warming().listeners);
	const failures = context.listenerFailures();
	return {
		versionInfo: context.store.version("listener"),
		staticListeners: fixed.map((record) => ({ listener: record.any, lastUpdated: updated(record) })),
		dynamicListeners: [
			...dynamic.map((record) => {
				const state = { versionInfo: record.version, listener: record.any, lastUpdated: updated(record) };
				const unopened = failures.get(record.name);
				const refused = context.store.refused("listener").find(({ name }) => name === record.name);
				const errorState =
					(refused && listenerFailure(refused)) ?? (unopened === undefined ? undefined : { details: unopened });
				return {
					name: record.name,
					...(waiting.has(record.name) ? { warmingState: state } : { activeState: state }),
					...(errorState && { errorState }),
				};
			}),
			...onlyRefused.map((record) => ({
				name: record.name,
				errorState: listenerFailure(record),
				clientStatus: ClientResourceStatus.NACKED,
			})),
		],
	};
}

function routes(context: AdminContext): MessageInitShape<typeof RoutesConfigDumpSchema> {
	const { dynamic, onlyRefused, failureOf } = split(context, "route");
	return {
		staticRouteConfigs: inlineRoutes(context),
		dynamicRouteConfigs: [
			...dynamic.map((record) => {
				const errorState = failureOf(record.name);
				return {
					versionInfo: record.version,
					routeConfig: record.any,
					lastUpdated: updated(record),
					...(errorState && { errorState }),
				};
			}),
			...onlyRefused.map((record) => ({ errorState: failure(record), clientStatus: ClientResourceStatus.NACKED })),
		],
	};
}
