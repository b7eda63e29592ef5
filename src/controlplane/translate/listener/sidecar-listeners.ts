import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { PORTS } from "../../../lib/names.ts";
import { packAny } from "../../../xds/any.ts";
import { TrafficDirection } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { FilterSchema } from "../../../xds/generated/envoy/config/listener/v3/listener_components_pb.ts";
import { type Listener, ListenerSchema } from "../../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { RouteSchema } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import {
	type RouteConfiguration,
	RouteConfigurationSchema,
} from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";
import { TcpProxySchema } from "../../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts";
import { formatClusterName } from "../../model/cluster-name.ts";
import { isHttp } from "../../model/protocol.ts";
import type { Snapshot } from "../../model/snapshot.ts";
import type { ConnectedProxy } from "../connected-proxy.ts";
import { ZERO_DURATION } from "../duration.ts";
import { TCP_PROXY } from "../filter-names.ts";
import { type InboundPort, inboundPorts } from "../inbound-ports.ts";
import { HTTP_PROXY_ROUTES } from "../route/explicit-proxy-routes.ts";
import { routeMatch } from "../route/route-match.ts";
import { socketAddress } from "../socket-address.ts";
import { speaksHttp2Upstream, withoutHttp2 } from "../upstream-protocol.ts";
import { accessLog } from "./access-log.ts";
import { httpConnectionManager } from "./http-connection-manager.ts";

/** Listeners of a sidecar in interception mode NONE: the explicit outbound proxy and one per inbound port (docs/contracts.md). */
export function sidecarListeners(proxy: ConnectedProxy, snapshot: Snapshot): readonly Listener[] {
	return [
		outboundListener(proxy, snapshot),
		...inboundPorts(proxy, snapshot).map((p) => inboundListener(proxy, p, snapshot)),
	];
}

function outboundListener(proxy: ConnectedProxy, { mesh }: Snapshot): Listener {
	const name = `${proxy.ip}_${PORTS.httpProxy}`;
	const hcm = httpConnectionManager({
		side: "outbound",
		statPrefix: `outbound_${name};`,
		routes: HTTP_PROXY_ROUTES,
		extensions: proxy.extensions,
		mesh,
	});
	return create(ListenerSchema, {
		name,
		address: socketAddress(proxy.ip, PORTS.httpProxy),
		trafficDirection: TrafficDirection.OUTBOUND,
		filterChains: [{ filters: [hcm] }],
	});
}

function inboundListener(proxy: ConnectedProxy, port: InboundPort, snapshot: Snapshot): Listener {
	const name = `${proxy.ip}_${port.number}`;
	// gRPC through a proxy without HTTP/2 is carried as bytes, which is whole at least.
	const protocol = speaksHttp2Upstream(proxy.extensions) ? port.protocol : withoutHttp2(port.protocol);
	const filter = protocol && isHttp(protocol) ? inboundHttp(proxy, port, snapshot) : inboundTcp(port, snapshot);
	return create(ListenerSchema, {
		name,
		address: socketAddress(proxy.ip, port.number),
		trafficDirection: TrafficDirection.INBOUND,
		filterChains: [{ name, filters: [filter] }],
	});
}

function inboundHttp(
	proxy: ConnectedProxy,
	port: InboundPort,
	{ mesh }: Snapshot,
): MessageInitShape<typeof FilterSchema> {
	return httpConnectionManager({
		side: "inbound",
		statPrefix: `inbound_${proxy.ip}_${port.number};`,
		routes: inboundRoutes(port),
		extensions: proxy.extensions,
		mesh,
	});
}

/** Everything goes to the application; no rule of a VirtualService ever applies here. */
function inboundRoutes(port: InboundPort): RouteConfiguration {
	const cluster = inboundClusterName(port);
	const operation = port.service && `${port.service.hostname}:${port.servicePort}/*`;
	return create(RouteConfigurationSchema, {
		name: cluster,
		validateClusters: false,
		virtualHosts: [
			{
				name: `inbound|http|${port.servicePort}`,
				domains: ["*"],
				routes: [
					create(RouteSchema, {
						name: "default",
						match: routeMatch(undefined),
						action: {
							case: "route",
							value: {
								clusterSpecifier: { case: "cluster", value: cluster },
								timeout: ZERO_DURATION,
								maxGrpcTimeout: ZERO_DURATION,
							},
						},
						decorator: operation ? { operation } : undefined,
					}),
				],
			},
		],
	});
}

/** Ports of unknown protocol are carried as bytes: that is right for every protocol. */
function inboundTcp(port: InboundPort, { mesh }: Snapshot): MessageInitShape<typeof FilterSchema> {
	const cluster = inboundClusterName(port);
	const value = packAny(TcpProxySchema, {
		statPrefix: cluster,
		clusterSpecifier: { case: "cluster", value: cluster },
		accessLog: accessLog(mesh),
	});
	return { name: TCP_PROXY, configType: { case: "typedConfig", value } };
}

function inboundClusterName({ number }: InboundPort): string {
	return formatClusterName({ direction: "inbound", port: number, subset: "", host: "" });
}
