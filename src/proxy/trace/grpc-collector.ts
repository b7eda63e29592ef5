import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../lib/field-path.ts";
import type { GrpcService } from "../../xds/generated/envoy/config/core/v3/grpc_service_pb.ts";
import type { ProblemList } from "../router/problem-list.ts";
import type { Collector } from "./collector-call.ts";

/** Where the messages for a gRPC service go; it has to be a cluster. */
export function grpcCollector(service: GrpcService, path: string, at: FieldPath, problems: ProblemList): Collector {
	const { targetSpecifier: target, initialMetadata, timeout } = service;
	const envoy = target.case === "envoyGrpc" ? target.value : undefined;
	if (!envoy) problems.notImplemented(at.field("google_grpc"), "a gRPC service that is not a cluster");
	const cluster = envoy?.clusterName ?? "";
	if (envoy && cluster === "")
		problems.add("missing", at.field("envoy_grpc").field("cluster_name"), "the service has no cluster");
	return {
		cluster,
		authority: envoy?.authority || cluster,
		path,
		timeoutMs: timeout ? durationMs(timeout) : 0,
		headers: initialMetadata.map(({ key, value }) => [key.toLowerCase(), value] as const),
	};
}

/** One message of a gRPC body: not compressed, its length, itself. */
export function grpcFrame(message: Uint8Array): Uint8Array {
	const frame = new Uint8Array(message.length + 5);
	new DataView(frame.buffer).setUint32(1, message.length);
	frame.set(message, 5);
	return frame;
}
