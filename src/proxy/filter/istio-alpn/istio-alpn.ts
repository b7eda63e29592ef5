import type { FilterConfig } from "../../../xds/generated/envoy/config/filter/http/alpn/v2alpha1/config_pb.ts";
import { FilterConfig_Protocol as Protocol } from "../../../xds/generated/envoy/config/filter/http/alpn/v2alpha1/config_pb.ts";
import type { ClusterInfo, ClusterLookup } from "../../cluster/cluster.ts";
import { APPLICATION_PROTOCOLS } from "../../http/info/filter-state-keys.ts";
import type { Protocol as HttpProtocol } from "../../http/message.ts";
import type { FilterStream, HttpFilterFactory } from "../http-filter.ts";

export interface IstioAlpnDeps {
	readonly clusters: ClusterLookup;
}

/**
 * Istio's `istio.alpn`: the ALPN list that a TLS connection upstream offers, by the HTTP version spoken on it, so that the other
 * sidecar can tell mesh traffic. Clusters whose metadata says `istio: {alpn_override: "false"}` keep their own list.
 */
export function istioAlpnFilter({ clusters }: IstioAlpnDeps): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig",
		parse(config, _path, name) {
			const lists = new Map<Protocol, readonly string[]>(
				(config as FilterConfig).alpnOverride.map((entry) => [entry.upstreamProtocol, entry.alpnOverride]),
			);
			const filter = { decodeHeaders: (stream: FilterStream) => override(stream, lists, clusters) };
			return { name, create: () => filter };
		},
	};
}

function override(
	stream: FilterStream,
	lists: ReadonlyMap<Protocol, readonly string[]>,
	clusters: ClusterLookup,
): "pass" {
	const action = stream.route()?.action;
	const names = action?.kind === "forward" ? action.forward.clusters(stream.request) : [];
	// A weighted route's clusters speak alike: Istio makes them from one service.
	const info = names.length > 0 ? clusters.get(names[0]!)?.info : undefined;
	if (!info || info.metadata.istio?.alpn_override === "false") return "pass";
	const list = lists.get(upstreamProtocol(info, stream.request.protocol));
	if (list && list.length > 0) stream.info.filterState.set(APPLICATION_PROTOCOLS, list);
	return "pass";
}

function upstreamProtocol({ httpProtocol }: ClusterInfo, downstream: HttpProtocol): Protocol {
	if (httpProtocol === "http2") return Protocol.HTTP2;
	if (httpProtocol === "http1") return Protocol.HTTP11;
	if (downstream === "HTTP/2") return Protocol.HTTP2;
	return downstream === "HTTP/1.0" ? Protocol.HTTP10 : Protocol.HTTP11;
}
