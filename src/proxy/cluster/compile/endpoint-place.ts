import { type Problem, problem } from "../../../lib/problem.ts";
import { type Address, SocketAddress_Protocol } from "../../../xds/generated/envoy/config/core/v3/address_pb.ts";
import { hostAddress, isIpAddress } from "../ip-address.ts";

/** Where an endpoint is. */
export interface EndpointPlace {
	/** IP address; in DNS clusters a name that is yet to be resolved; path of a Unix socket when it begins with `/`, `./` or `@`. */
	readonly host: string;
	/** 0 on Unix sockets. */
	readonly port: number;
}

/** True when the place is a Unix socket. */
export function isSocketPath({ host }: EndpointPlace): boolean {
	return host.startsWith("/") || host.startsWith("@") || host.startsWith("./");
}

/** `ip:port`, or the path of a Unix socket: what a host is known by. */
export function placeKey(place: EndpointPlace): string {
	return isSocketPath(place) ? place.host : hostAddress(place.host, place.port);
}

interface ParseContext {
	readonly problems: Problem[];
	/** Names instead of IP addresses are allowed. */
	readonly names: boolean;
}

/** Reads the address of an endpoint; undefined when it is not acceptable, which is then among the problems. */
export function parseAddress(address: Address | undefined, path: string, on: ParseContext): EndpointPlace | undefined {
	if (address?.address.case === "pipe") {
		const { path: file } = address.address.value;
		if (file === "")
			on.problems.push(problem("LTN3238", `${path}.pipe.path`, "the path of the Unix socket is missing"));
		return { host: isSocketPath({ host: file, port: 0 }) ? file : `./${file}`, port: 0 };
	}
	if (address?.address.case === "socketAddress")
		return parseSocket(address.address.value, `${path}.socket_address`, on);
	on.problems.push(problem("LTN3214", path, "the endpoint needs a socket_address or a pipe", "give an IP and a port"));
	return undefined;
}

type SocketAddress = Extract<Address["address"], { case: "socketAddress" }>["value"];

function parseSocket(socket: SocketAddress, at: string, on: ParseContext): EndpointPlace | undefined {
	if (socket.protocol !== SocketAddress_Protocol.TCP)
		on.problems.push(
			problem("LTN3219", `${at}.protocol`, "only TCP endpoints are implemented by this proxy", "use TCP"),
		);
	const port = socket.portSpecifier.case === "portValue" ? socket.portSpecifier.value : -1;
	if (port < 0 || port > 65535) {
		on.problems.push(problem("LTN3215", `${at}.port_value`, "the port must be a number from 0 to 65535"));
		return undefined;
	}
	if (socket.address === "" || (!on.names && !isIpAddress(socket.address))) {
		on.problems.push(
			problem(
				"LTN3216",
				`${at}.address`,
				`"${socket.address}" is not an IP address`,
				"use an IP address, or cluster type STRICT_DNS for names",
			),
		);
		return undefined;
	}
	return { host: socket.address, port };
}
