import { HeaderMap } from "../../http/header-map.ts";
import type { StreamInfo } from "../../http/stream-info.ts";
import type { TunnelingSettings } from "./tcp-proxy-config.ts";
import type { TunnelRequest } from "./tunnel-upstream.ts";

/** Filter state with the answer's head and trailers (Envoy's keys). */
const RESPONSE_HEADERS = "envoy.tcp_proxy.propagate_response_headers";
const RESPONSE_TRAILERS = "envoy.tcp_proxy.propagate_response_trailers";

/** The request that opens a tunnel for a connection. */
export function tunnelRequest(settings: TunnelingSettings, info: StreamInfo): TunnelRequest {
	const { postPath } = settings;
	const request = {
		method: postPath === undefined ? "CONNECT" : "POST",
		authority: settings.hostname.format({ info }),
		path: postPath ?? "",
		scheme: "http",
		protocol: "HTTP/1.1",
		headers: new HeaderMap(),
	} as const;
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
