import type { FieldPath } from "../../../lib/field-path.ts";
import { type Problem, problem } from "../../../lib/problem.ts";
import { Cluster_DnsLookupFamily as Family } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { DnsCacheConfig as Message } from "../../../xds/generated/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts";
import { durationMs } from "../compile/duration-ms.ts";
import type { DnsFamily } from "../discovery/dns-family.ts";

/** A DnsCacheConfig, checked: the filter and the cluster that name the same cache share it. */
export interface DnsCacheConfig {
	readonly name: string;
	readonly family: DnsFamily;
	readonly refreshMs: number;
	/** No refresh by TTL comes sooner. */
	readonly minRefreshMs: number;
	readonly failureBaseMs: number;
	readonly failureMaxMs: number;
	/** A name that the resolver has no answer for is forgotten instead of asked for again. */
	readonly forgetsFailures: boolean;
	/** A host that nobody asked for in so long is forgotten. */
	readonly hostTtlMs: number;
	readonly maxHosts: number;
	/** Requests that may wait for an answer. */
	readonly maxPending: number;
	/** 0: as long as the resolver takes. */
	readonly queryTimeoutMs: number;
	/** `name:port`, resolved from the start. */
	readonly preresolved: readonly string[];
}

const FAMILIES: Readonly<Record<Family, DnsFamily>> = {
	[Family.AUTO]: "v6-preferred",
	[Family.V4_ONLY]: "v4",
	[Family.V6_ONLY]: "v6",
	[Family.V4_PREFERRED]: "v4-preferred",
	[Family.ALL]: "all",
};

const REFRESH_MS = 60_000;
const MIN_REFRESH_MS = 5000;
const HOST_TTL_MS = 300_000;
const QUERY_TIMEOUT_MS = 5000;
const MAX_HOSTS = 1024;
const MAX_PENDING = 1024;

/** Reads a DnsCacheConfig with Envoy's defaults; what is wrong is added to `problems`. */
export function parseDnsCache(message: Message | undefined, at: FieldPath, problems: Problem[]): DnsCacheConfig {
	const invalid = (field: string, text: string): void => {
		problems.push(problem("LTN3265", at.field(field).toString(), text));
	};
	if (!message?.name) invalid("name", "the DNS cache needs a name, by which filter and cluster share it");
	const refreshMs = durationMs(message?.dnsRefreshRate, REFRESH_MS);
	const minRefreshMs = durationMs(message?.dnsMinRefreshRate, MIN_REFRESH_MS);
	if (message?.dnsRefreshRate && refreshMs < 1) invalid("dns_refresh_rate", "it must be at least 1 ms");
	if (message?.dnsMinRefreshRate && minRefreshMs < 1000) invalid("dns_min_refresh_rate", "it must be at least 1 s");
	if (message?.hostTtl && durationMs(message.hostTtl, 0) <= 0) invalid("host_ttl", "it must be greater than 0");
	if (message?.maxHosts === 0) invalid("max_hosts", "it must be greater than 0");
	const failure = message?.dnsFailureRefreshRate;
	const failureBaseMs = durationMs(failure?.baseInterval, refreshMs);
	return {
		name: message?.name ?? "",
		family: FAMILIES[message?.dnsLookupFamily ?? Family.AUTO],
		refreshMs,
		minRefreshMs,
		failureBaseMs,
		failureMaxMs: durationMs(failure?.maxInterval, failure ? failureBaseMs * 10 : refreshMs),
		forgetsFailures: message?.disableDnsRefreshOnFailure ?? false,
		hostTtlMs: durationMs(message?.hostTtl, HOST_TTL_MS),
		maxHosts: message?.maxHosts ?? MAX_HOSTS,
		maxPending: message?.dnsCacheCircuitBreaker?.maxPendingRequests ?? MAX_PENDING,
		queryTimeoutMs: durationMs(message?.dnsQueryTimeout, QUERY_TIMEOUT_MS),
		preresolved: (message?.preresolveHostnames ?? []).map(
			({ address, portSpecifier }) => `${address}:${portSpecifier.case === "portValue" ? portSpecifier.value : 0}`,
		),
	};
}
