/** The peer that sent the request (WorkloadMetadata), left by the metadata exchange filter on the server side. */
export const DOWNSTREAM_PEER = "downstream_peer";

/** The peer that answered, on the client side. */
export const UPSTREAM_PEER = "upstream_peer";
