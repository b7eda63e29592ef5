import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../lib/field-path.ts";
import type { GrpcService } from "../../xds/generated/envoy/config/core/v3/grpc_service_pb.ts";
import type { SupportedFields } from "../../xds/supported.ts";
import type { ProblemList } from "../router/problem-list.ts";
import type { GrpcCall } from "./grpc-unary.ts";

/** What a call takes from the configuration of its service. */
export type GrpcTarget = Pick<GrpcCall, "cluster" | "authority" | "timeoutMs" | "metadata">;

/** Reads a `GrpcService` of kind `envoy_grpc`; `defaultTimeoutMs` holds where none is set. */
export function parseGrpcService(
	service: GrpcService,
	defaultTimeoutMs: number,
	at: FieldPath,
	problems: ProblemList,
): GrpcTarget {
	const { targetSpecifier: target } = service;
	if (target.case === "googleGrpc") problems.notImplemented(at.field("google_grpc"), "Google's own gRPC client");
	if (target.case === undefined) problems.add("missing", at, "the service has no target", "set envoy_grpc");
	const own = target.case === "envoyGrpc" ? target.value : undefined;
	if (own && own.clusterName === "")
		problems.add("missing", at.field("envoy_grpc").field("cluster_name"), "the service names no cluster");
	return {
		cluster: own?.clusterName ?? "",
		authority: own?.authority ?? "",
		timeoutMs: service.timeout ? durationMs(service.timeout) : defaultTimeoutMs,
		metadata: service.initialMetadata.map(({ key, value }) => [key, value] as const),
	};
}

/** The fields of a gRPC service that are obeyed. */
export const GRPC_SERVICE_SUPPORTED: SupportedFields = {
	"envoy.config.core.v3.GrpcService": ["envoy_grpc", "timeout", "initial_metadata"],
	"envoy.config.core.v3.GrpcService.EnvoyGrpc": ["cluster_name", "authority"],
	"envoy.config.core.v3.HeaderValue": ["key", "value"],
};
