/** The peer that sent the request (WorkloadMetadata), left by the metadata exchange filter on the server side. */
export const DOWNSTREAM_PEER = "downstream_peer";

/** The peer that answered, on the client side. */
export const UPSTREAM_PEER = "upstream_peer";

/** How many messages a gRPC call has had so far (`GrpcMessages`), left by the gRPC statistics filter. */
export const GRPC_MESSAGES = "envoy.filters.http.grpc_stats";

export interface GrpcMessages {
	requestMessageCount: number;
	responseMessageCount: number;
}
