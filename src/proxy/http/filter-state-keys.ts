/**
 * Filter state that the request path itself reads: the ALPN protocols (list of texts) that a TLS connection to the upstream offers
 * for this request, in the place of the cluster's (Envoy: `envoy.network.application_protocols`).
 */
export const APPLICATION_PROTOCOLS = "envoy.network.application_protocols";
