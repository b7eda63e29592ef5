import { type Problem, problem } from "../../lib/problem.ts";
import { type Address, SocketAddress_Protocol } from "../../xds/generated/envoy/config/core/v3/address_pb.ts";
import type { Locality, Metadata } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { HealthStatus } from "../../xds/generated/envoy/config/core/v3/health_check_pb.ts";
import type {
	LbEndpoint,
	LocalityLbEndpoints,
} from "../../xds/generated/envoy/config/endpoint/v3/endpoint_components_pb.ts";
import type { ClusterLoadAssignment } from "../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { isIpAddress } from "./ip-address.ts";

/** EDS health as Envoy prints it. DRAINING, UNHEALTHY and TIMEOUT hosts get no requests outside of panic. */
export type EdsHealth = "UNKNOWN" | "HEALTHY" | "UNHEALTHY" | "DRAINING" | "TIMEOUT";

/** One endpoint of a ClusterLoadAssignment with what it inherits from its locality. */
export interface EndpointConfig {
	/** IP address; in DNS clusters a name that is yet to be resolved. */
	readonly host: string;
	readonly port: number;
	/** `hostname` of the endpoint, empty when not given. */
	readonly hostname: string;
	readonly weight: number;
	readonly health: EdsHealth;
	readonly priority: number;
	readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
	readonly localityWeight: number;
	readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** The endpoints of one ClusterLoadAssignment. */
export interface EndpointSet {
	readonly endpoints: readonly EndpointConfig[];
	/** `policy.overprovisioning_factor` as a factor (1.4). */
	readonly overprovisioningFactor: number;
}

const HEALTH: Readonly<Record<number, EdsHealth>> = {
	[HealthStatus.UNKNOWN]: "UNKNOWN",
	[HealthStatus.HEALTHY]: "HEALTHY",
	[HealthStatus.UNHEALTHY]: "UNHEALTHY",
	[HealthStatus.DRAINING]: "DRAINING",
	[HealthStatus.TIMEOUT]: "TIMEOUT",
};

interface ParseContext {
	readonly problems: Problem[];
	/** Names instead of IP addresses are allowed (DNS clusters). */
	readonly names: boolean;
}

/** Reads a ClusterLoadAssignment; adds a problem with its path for all that is not acceptable. */
export function parseLoadAssignment(message: ClusterLoadAssignment, path: string, on: ParseContext): EndpointSet {
	const endpoints = message.endpoints.flatMap((group, i) => parseLocality(group, `${path}.endpoints[${i}]`, on));
	const priorities = new Set(message.endpoints.map(({ priority }) => priority));
	for (let p = 0; p < priorities.size; p++)
		if (!priorities.has(p)) {
			on.problems.push(
				problem("LTN3210", `${path}.endpoints`, `priorities must be 0 to ${priorities.size - 1} without a gap`),
			);
			break;
		}
	return { endpoints, overprovisioningFactor: (message.policy?.overprovisioningFactor ?? 140) / 100 };
}

function parseLocality(group: LocalityLbEndpoints, path: string, on: ParseContext): EndpointConfig[] {
	const shared = {
		priority: group.priority,
		locality: plainLocality(group.locality),
		localityWeight: group.loadBalancingWeight ?? 0,
	};
	return group.lbEndpoints.flatMap((endpoint, i) => {
		const own = parseEndpoint(endpoint, `${path}.lb_endpoints[${i}]`, on);
		return own ? [{ ...own, ...shared }] : [];
	});
}

function parseEndpoint(message: LbEndpoint, path: string, on: ParseContext) {
	const { hostIdentifier } = message;
	if (hostIdentifier.case !== "endpoint") {
		on.problems.push(problem("LTN3211", path, "the endpoint has no address", "set endpoint.address"));
		return undefined;
	}
	const address = parseSocketAddress(hostIdentifier.value.address, `${path}.endpoint.address`, on);
	const health = HEALTH[message.healthStatus];
	if (!health)
		on.problems.push(
			problem(
				"LTN3212",
				`${path}.health_status`,
				"DEGRADED endpoints are not implemented by this proxy",
				"use HEALTHY",
			),
		);
	if (message.loadBalancingWeight === 0)
		on.problems.push(problem("LTN3213", `${path}.load_balancing_weight`, "the weight must be at least 1"));
	if (!address || !health) return undefined;
	return {
		...address,
		hostname: hostIdentifier.value.hostname,
		weight: message.loadBalancingWeight ?? 1,
		health,
		metadata: plainMetadata(message.metadata),
	};
}

function parseSocketAddress(address: Address | undefined, path: string, on: ParseContext) {
	if (address?.address.case !== "socketAddress") {
		on.problems.push(
			problem("LTN3214", path, "only socket_address is implemented by this proxy", "give an IP and a port"),
		);
		return undefined;
	}
	const socket = address.address.value;
	const at = `${path}.socket_address`;
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

function plainLocality(locality: Locality | undefined) {
	return { region: locality?.region ?? "", zone: locality?.zone ?? "", subZone: locality?.subZone ?? "" };
}

/** `filter_metadata` as plain objects. */
export function plainMetadata(
	metadata: Metadata | undefined,
): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
	return metadata?.filterMetadata ?? {};
}
