import { HeaderMap } from "../../http/header-map.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { TunnelingSettings } from "./tcp-proxy-config.ts";
import type { TunnelRequest } from "./tunnel-upstream.ts";

/** Filter state with the answer's head and trailers (Envoy's keys). */
const RESPONSE_HEADERS = "envoy.tcp_proxy.propagate_response_headers";
const RESPONSE_TRAILERS = "envoy.tcp_proxy.propagate_response_trailers";

/** Where the id of the request is left for access logs. */
const METADATA = "envoy.filters.network.tcp_proxy";

/** The request that opens a tunnel for a connection. */
export function tunnelRequest(settings: TunnelingSettings, info: StreamInfo, makeId: () => string): TunnelRequest {
	const { postPath, requestId } = settings;
	const request = {
		method: postPath === undefined ? "CONNECT" : "POST",
		authority: settings.hostname.format({ info }),
		path: postPath ?? "",
		scheme: "http",
		protocol: "HTTP/1.1",
		headers: new HeaderMap(),
	} as const;
	if (requestId) {
		const id = makeId();
		request.headers.set(requestId.header, id);
		const before = info.dynamicMetadata.get(METADATA);
		info.dynamicMetadata.set(METADATA, { ...before, [requestId.metadataKey]: id });
	}
	settings.headers?.apply(request.headers, { info, request });
	const keep = (wanted: boolean, key: string) => (headers: HeaderMap) => {
		if (wanted)
			info.filterState.set(key, Object.fromEntries(headers.names.map((name, i) => [name, headers.values[i]])));
	};
	return {
		request,
		onHeaders: keep(settings.keepsHeaders, RESPONSE_HEADERS),
		onTrailers: keep(settings.keepsTrailers, RESPONSE_TRAILERS),
	};
}
