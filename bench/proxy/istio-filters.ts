type Json = Readonly<Record<string, unknown>>;

const HTTP = "type.googleapis.com/envoy.extensions.filters.http";

/** A node as Istio's agent describes a sidecar's. */
export const ISTIO_NODE: Json = {
	id: "sidecar~127.0.0.1~productpage-v1-7d4b9.default~default.svc.cluster.local",
	cluster: "productpage.default",
	metadata: {
		NAME: "productpage-v1-7d4b9",
		NAMESPACE: "default",
		WORKLOAD_NAME: "productpage-v1",
		CLUSTER_ID: "Kubernetes",
		MESH_ID: "cluster.local",
		LABELS: { app: "productpage", version: "v1" },
	},
};

/**
 * The HTTP filters of an Istio sidecar in Istio's order. Envoy's own release has no `istio.*` filters: `both` leaves them out, `lateen` has
 * them, so that a comparison charges Lateen for metrics that the Envoy beside it does not keep.
 */
export function istioFilters(who: "both" | "lateen"): readonly Json[] {
	const own = who === "lateen";
	return [
		...(own ? [istio("istio.metadata_exchange", "io.istio.http.peer_metadata.Config", PEERS)] : []),
		filter("envoy.filters.http.grpc_stats", `${HTTP}.grpc_stats.v3.FilterConfig`, { emit_filter_state: true }),
		filter("envoy.filters.http.fault", `${HTTP}.fault.v3.HTTPFault`),
		filter("envoy.filters.http.cors", `${HTTP}.cors.v3.Cors`),
		...(own ? [istio("istio.stats", "stats.PluginConfig", {})] : []),
	];
}

const PEERS = {
	downstream_discovery: [{ istio_headers: {} }],
	downstream_propagation: [{ istio_headers: {} }],
};

function filter(name: string, type: string, config: Json = {}): Json {
	return { name, typed_config: { "@type": type, ...config } };
}

function istio(name: string, type: string, value: Json): Json {
	return {
		name,
		typed_config: {
			"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
			type_url: `type.googleapis.com/${type}`,
			value,
		},
	};
}

/** Istio's default access log, to a file nobody reads. */
export const ISTIO_ACCESS_LOG: readonly Json[] = [
	{
		name: "envoy.access_loggers.file",
		typed_config: {
			"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
			path: "/dev/null",
			log_format: {
				text_format_source: {
					inline_string: `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n`,
				},
			},
		},
	},
];
