import { type Problem, problem } from "../../../lib/problem.ts";
import type { Locality, Metadata } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { HealthStatus } from "../../../xds/generated/envoy/config/core/v3/health_check_pb.ts";
import type {
	Endpoint,
	LbEndpoint,
	LocalityLbEndpoints,
} from "../../../xds/generated/envoy/config/endpoint/v3/endpoint_components_pb.ts";
import type {
	ClusterLoadAssignment,
	ClusterLoadAssignment_Policy,
} from "../../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { FractionalPercent_DenominatorType } from "../../../xds/generated/envoy/type/v3/percent_pb.ts";
import { durationMs } from "./duration-ms.ts";
import { type EndpointPlace, isSocketPath, parseAddress } from "./endpoint-place.ts";

/** EDS health as Envoy prints it. DRAINING, UNHEALTHY and TIMEOUT hosts get no requests outside of panic, DEGRADED ones what is left over. */
export type EdsHealth = "UNKNOWN" | "HEALTHY" | "UNHEALTHY" | "DRAINING" | "TIMEOUT" | "DEGRADED";

export type PlainMetadata = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** One endpoint of a ClusterLoadAssignment with what it inherits from its locality. */
export interface EndpointConfig extends EndpointPlace {
	/** What the host is known by in place of its address: several names may have one address. */
	readonly key?: string;
	/** `additional_addresses`, tried after the first one. */
	readonly more: readonly EndpointPlace[];
	/** `hostname` of the endpoint, empty when not given. */
	readonly hostname: string;
	/** Undefined: checked where requests go. */
	readonly check: EndpointCheck | undefined;
	readonly weight: number;
	readonly health: EdsHealth;
	readonly priority: number;
	readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
	readonly localityWeight: number;
	readonly metadata: PlainMetadata;
}

/** An endpoint's `health_check_config`. */
export interface EndpointCheck {
	readonly disabled: boolean;
	/** 0: the endpoint's own. */
	readonly port: number;
	/** Empty: the health check's or the cluster's. */
	readonly hostname: string;
	readonly place: EndpointPlace | undefined;
}

/** The endpoints of one ClusterLoadAssignment. */
export interface EndpointSet {
	readonly endpoints: readonly EndpointConfig[];
	/** `policy.overprovisioning_factor` (140). */
	readonly overprovisioningPercent: number;
	/** Shares of priorities by weight instead of number of endpoints. */
	readonly weightedPriorityHealth: boolean;
	/** Chance that a request is dropped, 0 to 1 (`drop_overloads`). */
	readonly dropChance: number;
	/** Endpoints go when nothing was heard of them for so long; 0 = never. */
	readonly staleAfterMs: number;
}

export const NO_ENDPOINTS: EndpointSet = {
	endpoints: [],
	overprovisioningPercent: 140,
	weightedPriorityHealth: false,
	dropChance: 0,
	staleAfterMs: 0,
};

/** What an endpoint is that only its address is known of. */
export const PLAIN_ENDPOINT: Omit<EndpointConfig, keyof EndpointPlace> = {
	more: [],
	hostname: "",
	check: undefined,
	weight: 1,
	health: "UNKNOWN",
	priority: 0,
	locality: { region: "", zone: "", subZone: "" },
	localityWeight: 0,
	metadata: {},
};

const HEALTH: Readonly<Record<number, EdsHealth>> = {
	[HealthStatus.UNKNOWN]: "UNKNOWN",
	[HealthStatus.HEALTHY]: "HEALTHY",
	[HealthStatus.UNHEALTHY]: "UNHEALTHY",
	[HealthStatus.DRAINING]: "DRAINING",
	[HealthStatus.TIMEOUT]: "TIMEOUT",
	[HealthStatus.DEGRADED]: "DEGRADED",
};

/** Name of a `HealthStatus`; undefined when there is no such. */
export function healthName(status: HealthStatus): EdsHealth | undefined {
	return HEALTH[status];
}

const MAX_PRIORITY = 128;
const MAX_WEIGHTS = 0xffff_ffff;

interface ParseContext {
	readonly problems: Problem[];
	/** Names instead of IP addresses are allowed (DNS clusters). */
	readonly names: boolean;
}

/** Reads a ClusterLoadAssignment; adds a problem with its path for all that is not acceptable. */
export function parseLoadAssignment(message: ClusterLoadAssignment, path: string, on: ParseContext): EndpointSet {
	const endpoints = message.endpoints.flatMap((group, i) =>
		parseLocality(group, message.namedEndpoints, `${path}.endpoints[${i}]`, on),
	);
	checkSums(message, endpoints, path, on);
	return { endpoints, ...parsePolicy(message.policy, `${path}.policy`, on) };
}

function parsePolicy(policy: ClusterLoadAssignment_Policy | undefined, path: string, on: ParseContext) {
	const [drop, ...others] = policy?.dropOverloads ?? [];
	if (others.length > 0)
		on.problems.push(problem("LTN3234", `${path}.drop_overloads`, "only one drop category is taken", "merge them"));
	if (policy?.overprovisioningFactor === 0)
		on.problems.push(problem("LTN3235", `${path}.overprovisioning_factor`, "the factor must be greater than 0"));
	const staleAfterMs = durationMs(policy?.endpointStaleAfter, 0);
	if (policy?.endpointStaleAfter && staleAfterMs <= 0)
		on.problems.push(problem("LTN3236", `${path}.endpoint_stale_after`, "the time must be greater than 0"));
	const dropChance = (drop?.dropPercentage?.numerator ?? 0) / DENOMINATORS[drop?.dropPercentage?.denominator ?? 0]!;
	if (dropChance > 1)
		on.problems.push(problem("LTN3234", `${path}.drop_overloads[0].drop_percentage`, "more than 100 percent"));
	return {
		overprovisioningPercent: policy?.overprovisioningFactor ?? NO_ENDPOINTS.overprovisioningPercent,
		weightedPriorityHealth: policy?.weightedPriorityHealth ?? false,
		dropChance,
		staleAfterMs,
	};
}

const DENOMINATORS: Readonly<Record<number, number>> = {
	[FractionalPercent_DenominatorType.HUNDRED]: 100,
	[FractionalPercent_DenominatorType.TEN_THOUSAND]: 10_000,
	[FractionalPercent_DenominatorType.MILLION]: 1_000_000,
};

/** Envoy counts weights of a priority in 32 bits. */
function checkSums(
	message: ClusterLoadAssignment,
	endpoints: readonly EndpointConfig[],
	path: string,
	on: ParseContext,
): void {
	const localities = new Map<number, number>();
	for (const { priority, loadBalancingWeight } of message.endpoints)
		localities.set(priority, (localities.get(priority) ?? 0) + (loadBalancingWeight ?? 0));
	const weights = new Map<number, number>();
	for (const { priority, weight } of endpoints) weights.set(priority, (weights.get(priority) ?? 0) + weight);
	for (const [what, sums] of [["localities", localities] as const, ["endpoints", weights] as const])
		for (const [priority, sum] of sums)
			if (sum > MAX_WEIGHTS)
				on.problems.push(
					problem("LTN3213", `${path}.endpoints`, `the weights of the ${what} of priority ${priority} exceed 32 bits`),
				);
}

function parseLocality(
	group: LocalityLbEndpoints,
	named: ClusterLoadAssignment["namedEndpoints"],
	path: string,
	on: ParseContext,
): EndpointConfig[] {
	if (group.priority > MAX_PRIORITY)
		on.problems.push(problem("LTN3210", `${path}.priority`, `the priority must be at most ${MAX_PRIORITY}`));
	if (group.loadBalancingWeight === 0)
		on.problems.push(problem("LTN3213", `${path}.load_balancing_weight`, "the weight must be at least 1"));
	const shared = {
		priority: group.priority,
		locality: plainLocality(group.locality),
		localityWeight: group.loadBalancingWeight ?? 0,
	};
	return group.lbEndpoints.flatMap((endpoint, i) => {
		const own = parseEndpoint(endpoint, named, `${path}.lb_endpoints[${i}]`, on);
		return own ? [{ ...own, ...shared }] : [];
	});
}

function parseEndpoint(
	message: LbEndpoint,
	named: ClusterLoadAssignment["namedEndpoints"],
	path: string,
	on: ParseContext,
) {
	const endpoint = endpointOf(message, named, path, on);
	if (message.loadBalancingWeight === 0)
		on.problems.push(problem("LTN3213", `${path}.load_balancing_weight`, "the weight must be at least 1"));
	const health = HEALTH[message.healthStatus];
	if (!health) on.problems.push(problem("LTN3212", `${path}.health_status`, "there is no such health status"));
	if (!endpoint || !health) return undefined;
	const place = parseAddress(endpoint.address, `${path}.endpoint.address`, on);
	if (!place) return undefined;
	return {
		...place,
		more: parseMore(endpoint, place, `${path}.endpoint.additional_addresses`, on),
		hostname: endpoint.hostname,
		check: parseCheck(endpoint, `${path}.endpoint.health_check_config`, on),
		weight: message.loadBalancingWeight ?? 1,
		health,
		metadata: plainMetadata(message.metadata),
	};
}

/** Happy eyeballs is about addresses: all have the endpoint's port. */
function parseMore(
	{ additionalAddresses }: Endpoint,
	place: EndpointPlace,
	path: string,
	on: ParseContext,
): readonly EndpointPlace[] {
	return additionalAddresses.flatMap(({ address }, i) => {
		const at = `${path}[${i}].address`;
		const other = parseAddress(address, at, on);
		if (other && (other.port !== place.port || isSocketPath(other)))
			on.problems.push(
				problem("LTN3239", at, "additional addresses must be IP addresses with the endpoint's own port"),
			);
		return other ?? [];
	});
}

function endpointOf(
	{ hostIdentifier }: LbEndpoint,
	named: ClusterLoadAssignment["namedEndpoints"],
	path: string,
	on: ParseContext,
): Endpoint | undefined {
	if (hostIdentifier.case === "endpoint") return hostIdentifier.value;
	const found = hostIdentifier.case === "endpointName" ? named[hostIdentifier.value] : undefined;
	if (!found && hostIdentifier.case === "endpointName")
		on.problems.push(problem("LTN3237", `${path}.endpoint_name`, `there is no endpoint "${hostIdentifier.value}"`));
	else if (!found) on.problems.push(problem("LTN3211", path, "the endpoint has no address", "set endpoint.address"));
	return found;
}

function parseCheck(
	{ healthCheckConfig: config }: Endpoint,
	path: string,
	on: ParseContext,
): EndpointCheck | undefined {
	if (!config) return undefined;
	if (config.portValue > 65_535)
		on.problems.push(problem("LTN3215", `${path}.port_value`, "the port must be a number from 0 to 65535"));
	return {
		disabled: config.disableActiveHealthCheck,
		port: config.portValue,
		hostname: config.hostname,
		place: config.address && parseAddress(config.address, `${path}.address`, { ...on, names: false }),
	};
}

function plainLocality(locality: Locality | undefined) {
	return { region: locality?.region ?? "", zone: locality?.zone ?? "", subZone: locality?.subZone ?? "" };
}

/** `filter_metadata` as plain objects. */
export function plainMetadata(metadata: Metadata | undefined): PlainMetadata {
	return metadata?.filterMetadata ?? {};
}
