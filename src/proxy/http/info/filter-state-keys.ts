/**
 * Filter state that the request path itself reads: the ALPN protocols (list of texts) that a TLS connection to the upstream offers
 * for this request, in the place of the cluster's (Envoy: `envoy.network.application_protocols`).
 */
export const APPLICATION_PROTOCOLS = "envoy.network.application_protocols";

/** SNI of the TLS connection to the upstream, in place of every other (a text). */
export const UPSTREAM_SERVER_NAME = "envoy.network.upstream_server_name";

/** Names of which the upstream's certificate must have one (a list of texts). */
export const UPSTREAM_SUBJECT_NAMES = "envoy.network.upstream_subject_alt_names";
