import { create } from "@bufbuild/protobuf";
import { TrafficDirection } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { type Listener, ListenerSchema } from "../../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import type { Snapshot } from "../../model/snapshot.ts";
import type { ConnectedProxy } from "../connected-proxy.ts";
import { type GatewayListener, gatewayRouteName } from "../gateway-servers.ts";
import { socketAddress } from "../socket-address.ts";
import { httpConnectionManager } from "./http-connection-manager.ts";

/** One plain HTTP listener of a gateway, for all servers on its port. */
export function gatewayListener(listener: GatewayListener, proxy: ConnectedProxy, { mesh }: Snapshot): Listener {
	const address = listener.bind === "" ? proxy.ip : listener.bind;
	const name = `${address}_${listener.port}`;
	const hcm = httpConnectionManager({
		side: "gateway",
		statPrefix: `outbound_${name};`,
		routes: gatewayRouteName(listener),
		extensions: proxy.extensions,
		mesh,
	});
	return create(ListenerSchema, {
		name,
		address: socketAddress(address, listener.port),
		trafficDirection: TrafficDirection.OUTBOUND,
		filterChains: [{ filters: [hcm] }],
	});
}
