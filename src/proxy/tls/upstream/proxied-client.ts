import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import type { ProxiedClient } from "./upstream-transport.ts";

/** Filter state with the TLVs of the client's own PROXY header that go on (the listener filter `proxy_protocol` leaves it). */
const PASSED_TLVS = "envoy.network.proxy_protocol_options";

/** What a PROXY header upstream tells of a client's connection. */
export function proxiedClientOf({
	sourceIp,
	sourcePort,
	localIp,
	localPort,
	filterState,
}: ConnectionInfo): ProxiedClient {
	const tlvs = (filterState.get(PASSED_TLVS) as ProxiedClient["tlvs"] | undefined) ?? [];
	return { sourceIp, sourcePort, destinationIp: localIp, destinationPort: localPort, tlvs };
}
