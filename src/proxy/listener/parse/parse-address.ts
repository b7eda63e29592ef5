import { isIP } from "node:net";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { Problem } from "../../../lib/problem.ts";
import {
	type Address,
	type Pipe,
	SocketAddress_Protocol as Protocol,
	type SocketAddress,
	type TcpKeepalive,
} from "../../../xds/generated/envoy/config/core/v3/address_pb.ts";
import type { BindAddress, TcpKeepAlive } from "../listener-config.ts";
import { invalid, missing, notImplemented } from "./listener-problems.ts";

/** Reads where a listener listens; undefined after a problem. */
export function parseAddress(
	message: Address | undefined,
	at: FieldPath,
	problems: Problem[],
): BindAddress | undefined {
	const address = message?.address;
	if (address?.case === "pipe") return parsePipe(address.value, at.field("pipe"), problems);
	if (address?.case === "socketAddress") return parseSocket(address.value, at.field("socket_address"), problems);
	if (address?.case === "envoyInternalAddress")
		problems.push(notImplemented(at.field("envoy_internal_address"), "an internal listener"));
	else problems.push(missing(at.field("socket_address")));
	return undefined;
}

function parseSocket(message: SocketAddress, at: FieldPath, problems: Problem[]): BindAddress | undefined {
	const { portSpecifier: port, address: ip } = message;
	const before = problems.length;
	if (message.protocol === Protocol.UDP) problems.push(notImplemented(at.field("protocol"), "UDP"));
	if (port.case !== "portValue") problems.push(missing(at.field("port_value")));
	else if (port.value > 65_535) problems.push(invalid(at.field("port_value"), `${port.value} is above 65535`, ""));
	if (isIP(ip) === 0)
		problems.push(invalid(at.field("address"), `"${ip}" is no IP address`, "write an IPv4 or IPv6 address"));
	return problems.length > before ? undefined : { kind: "ip", ip, port: Number(port.value) };
}

/** What fits a sockaddr_un, the closing zero aside. */
const MAX_PATH_BYTES = 107;

function parsePipe({ path, mode }: Pipe, at: FieldPath, problems: Problem[]): BindAddress | undefined {
	const before = problems.length;
	if (path === "") problems.push(missing(at.field("path")));
	if (Buffer.byteLength(path) > MAX_PATH_BYTES)
		problems.push(invalid(at.field("path"), `the path is longer than ${MAX_PATH_BYTES} bytes`, "shorten it"));
	if (mode > 0o777) problems.push(invalid(at.field("mode"), `${mode} is above 511 (octal 777)`, ""));
	if (path.startsWith("@") && mode !== 0)
		problems.push(invalid(at.field("mode"), "an abstract address has no mode", "remove it"));
	return problems.length > before ? undefined : { kind: "pipe", path, mode };
}

/** Reads `tcp_keepalive`; what is not set is the system's choice. */
export function parseKeepAlive(message: TcpKeepalive | undefined): TcpKeepAlive | undefined {
	if (!message) return undefined;
	const ms = (seconds: number | undefined) => (seconds === undefined ? undefined : seconds * 1000);
	return {
		idleMs: ms(message.keepaliveTime) ?? 0,
		intervalMs: ms(message.keepaliveInterval),
		probes: message.keepaliveProbes,
	};
}
