import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import {
	type ApiConfigSource,
	ApiConfigSource_ApiType as ApiType,
} from "../../../xds/generated/envoy/config/core/v3/config_source_pb.ts";
import type { SdsSecretConfig } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { type GoogleChannel, parseGoogleChannel } from "../google-channel.ts";
import type { SecretReading } from "./data-source.ts";

/** A named secret and where it comes from. */
export interface SecretReference {
	readonly name: string;
	readonly source: SecretSource;
	/** Where the configuration names it. */
	readonly at: string;
	/** How long to wait before going on without it; 0: for ever. */
	readonly initialFetchTimeoutMs: number;
}

export type SecretSource =
	/** `static_resources.secrets`. */
	| { readonly kind: "static" }
	| { readonly kind: "ads" }
	| { readonly kind: "file"; readonly path: string; readonly watchedDirectory: string | undefined }
	| { readonly kind: "grpc"; readonly api: "delta" | "sotw"; readonly target: SdsTarget };

export type SdsTarget =
	| { readonly kind: "cluster"; readonly cluster: string; readonly authority: string }
	| ({ readonly kind: "uri" } & GoogleChannel);

const INITIAL_FETCH_MS = 15_000;
const APIS: Readonly<Partial<Record<ApiType, "delta" | "sotw">>> = {
	[ApiType.GRPC]: "sotw",
	[ApiType.DELTA_GRPC]: "delta",
};

/** Reads an SdsSecretConfig; undefined when something is wrong, which is then told. */
export function parseSecretReference(
	message: SdsSecretConfig,
	at: FieldPath,
	reading: SecretReading,
): SecretReference | undefined {
	const { name, sdsConfig } = message;
	if (name === "") reading.problems.add("invalid", at.field("name"), "the secret has no name", "set it");
	const source = parseSource(message, at.field("sds_config"), reading);
	const timeout = sdsConfig?.initialFetchTimeout;
	return (
		source && {
			name,
			source,
			at: at.toString(),
			initialFetchTimeoutMs: timeout ? durationMs(timeout) : INITIAL_FETCH_MS,
		}
	);
}

function parseSource({ sdsConfig }: SdsSecretConfig, at: FieldPath, reading: SecretReading): SecretSource | undefined {
	const { problems } = reading;
	const specifier = sdsConfig?.configSourceSpecifier;
	switch (specifier?.case) {
		case undefined:
			if (sdsConfig)
				problems.add(
					"invalid",
					at,
					"the source of the secret is not said",
					"set ads, api_config_source or path_config_source",
				);
			return sdsConfig ? undefined : { kind: "static" };
		case "ads":
			return { kind: "ads" };
		case "path":
			return { kind: "file", path: specifier.value, watchedDirectory: undefined };
		case "pathConfigSource":
			return {
				kind: "file",
				path: specifier.value.path,
				watchedDirectory: specifier.value.watchedDirectory?.path || undefined,
			};
		case "apiConfigSource":
			return parseApi(specifier.value, at.field("api_config_source"), reading);
		default:
			problems.notImplemented(at.field("self"), "the source of the secret");
			return undefined;
	}
}

function parseApi(message: ApiConfigSource, at: FieldPath, reading: SecretReading): SecretSource | undefined {
	const { problems } = reading;
	const api = APIS[message.apiType];
	if (!api) problems.notImplemented(at.field("api_type"), "this kind of API");
	const [service, second] = message.grpcServices;
	const target = service?.targetSpecifier;
	const here = at.field("grpc_services");
	if (!target?.case || second) {
		problems.add("invalid", here, "exactly one gRPC service is needed");
		return undefined;
	}
	if (!api) return undefined;
	if (target.case === "envoyGrpc") {
		const { clusterName: cluster, authority } = target.value;
		if (cluster === "")
			problems.add("invalid", here.index(0).field("envoy_grpc").field("cluster_name"), "the field is required");
		return { kind: "grpc", api, target: { kind: "cluster", cluster, authority } };
	}
	const channel = parseGoogleChannel(target.value, here.index(0).field("google_grpc"), reading);
	return { kind: "grpc", api, target: { kind: "uri", ...channel } };
}
