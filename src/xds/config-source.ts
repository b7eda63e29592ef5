import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../lib/field-path.ts";
import { type Problem, problem } from "../lib/problem.ts";
import {
	type ApiConfigSource,
	ApiConfigSource_ApiType as ApiType,
	type ConfigSource,
} from "./generated/envoy/config/core/v3/config_source_pb.ts";

import type { SupportedFields } from "./supported.ts";

/** Where resources of one kind come from (Envoy: ConfigSource). */
export type DiscoverySource =
	| { readonly kind: "ads" }
	| { readonly kind: "file"; readonly path: string; readonly watchedFolder: string | undefined }
	/** A stream of its own to a cluster of the bootstrap. */
	| { readonly kind: "grpc"; readonly api: "delta" | "sotw"; readonly cluster: string }
	/** Asked again and again over HTTP. */
	| { readonly kind: "rest"; readonly cluster: string; readonly refreshMs: number; readonly requestTimeoutMs: number };

/** A source, and how long to wait for its first answer before going on without; 0: for ever. */
export interface Discovered {
	readonly source: DiscoverySource;
	readonly initialFetchMs: number;
}

const CORE = "envoy.config.core.v3";

/** The fields of sources that are obeyed. */
export const CONFIG_SOURCE_SUPPORTED: SupportedFields = {
	[`${CORE}.ConfigSource`]: [
		"path",
		"path_config_source",
		"api_config_source",
		"ads",
		"initial_fetch_timeout",
		"resource_api_version",
	],
	[`${CORE}.PathConfigSource`]: ["path", "watched_directory"],
	[`${CORE}.WatchedDirectory`]: ["path"],
	[`${CORE}.AggregatedConfigSource`]: [],
	[`${CORE}.ApiConfigSource`]: [
		"api_type",
		"transport_api_version",
		"grpc_services",
		"cluster_names",
		"refresh_delay",
		"request_timeout",
		"set_node_on_first_message_only",
	],
	[`${CORE}.GrpcService`]: ["envoy_grpc"],
	[`${CORE}.GrpcService.EnvoyGrpc`]: ["cluster_name"],
};

export const ADS_SOURCE: DiscoverySource = { kind: "ads" };

/** Envoy: ConfigSource.initial_fetch_timeout. */
export const INITIAL_FETCH_MS = 15_000;
/** Envoy: ApiConfigSource.request_timeout. */
const REQUEST_TIMEOUT_MS = 1000;

const GRPC_APIS: Readonly<Partial<Record<ApiType, "delta" | "sotw">>> = {
	[ApiType.GRPC]: "sotw",
	[ApiType.DELTA_GRPC]: "delta",
};

/** Reads a ConfigSource; adds what is wrong to `problems` and answers undefined then. */
export function parseConfigSource(
	message: ConfigSource | undefined,
	at: FieldPath,
	problems: Problem[],
): Discovered | undefined {
	const source = parseSource(message, at, problems);
	const timeout = message?.initialFetchTimeout;
	return source && { source, initialFetchMs: timeout ? durationMs(timeout) : INITIAL_FETCH_MS };
}

function parseSource(
	message: ConfigSource | undefined,
	at: FieldPath,
	problems: Problem[],
): DiscoverySource | undefined {
	const specifier = message?.configSourceSpecifier;
	switch (specifier?.case) {
		case "ads":
			return ADS_SOURCE;
		case "path":
			return { kind: "file", path: specifier.value, watchedFolder: undefined };
		case "pathConfigSource": {
			const { path, watchedDirectory } = specifier.value;
			return { kind: "file", path, watchedFolder: watchedDirectory?.path || undefined };
		}
		case "apiConfigSource":
			return parseApi(specifier.value, at.field("api_config_source"), problems);
		default:
			problems.push(problem("LTN3010", at.toString(), "the source of the configuration is not said", "set ads: {}"));
			return undefined;
	}
}

function parseApi(message: ApiConfigSource, at: FieldPath, problems: Problem[]): DiscoverySource | undefined {
	const fail = (field: string, what: string) =>
		void problems.push(problem("LTN3010", at.field(field).toString(), what));
	if (message.apiType === ApiType.REST) return parseRest(message, fail);
	const api = GRPC_APIS[message.apiType];
	const [service, second] = message.grpcServices;
	const target = service?.targetSpecifier;
	if (!api) fail("api_type", "only GRPC, DELTA_GRPC and REST have streams of their own");
	if (second || target?.case !== "envoyGrpc" || target.value.clusterName === "") {
		fail("grpc_services", "exactly one envoy_grpc service is needed");
		return undefined;
	}
	return api && { kind: "grpc", api, cluster: target.value.clusterName };
}

function parseRest(message: ApiConfigSource, fail: (field: string, what: string) => void): DiscoverySource | undefined {
	const [cluster] = message.clusterNames;
	if (cluster === undefined || message.clusterNames.length > 1) fail("cluster_names", "exactly one cluster is needed");
	if (message.grpcServices.length > 0) fail("grpc_services", "a REST source has none");
	if (!message.refreshDelay) fail("refresh_delay", "a REST source needs it");
	if (cluster === undefined || !message.refreshDelay) return undefined;
	const { requestTimeout } = message;
	return {
		kind: "rest",
		cluster,
		refreshMs: durationMs(message.refreshDelay),
		requestTimeoutMs: requestTimeout ? durationMs(requestTimeout) : REQUEST_TIMEOUT_MS,
	};
}

/** Equal texts stand for equal sources. */
export function sourceKey(source: DiscoverySource): string {
	return JSON.stringify(source);
}
