import type { Any } from "@bufbuild/protobuf/wkt";
import { type Problem, problem } from "../../../lib/problem.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { Address } from "../../../xds/generated/envoy/config/core/v3/address_pb.ts";
import type { TypedExtensionConfig } from "../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import type { DnsResolutionConfig } from "../../../xds/generated/envoy/config/core/v3/resolver_pb.ts";
import { CaresDnsResolverConfigSchema } from "../../../xds/generated/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.ts";
import { GetAddrInfoDnsResolverConfigSchema } from "../../../xds/generated/envoy/extensions/network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver_pb.ts";
import { hostAddress, isIpAddress } from "../ip-address.ts";
import type { ResolverConfig } from "./resolver-config.ts";

/** Where a resolver is configured: clusters and bootstraps have the same fields. */
export interface ResolverFields {
	readonly typedDnsResolverConfig?: TypedExtensionConfig | undefined;
	readonly dnsResolutionConfig?: DnsResolutionConfig | undefined;
	readonly dnsResolvers?: readonly Address[];
}

const TIMEOUT_S = 5;
const TRIES = 4;

const SYSTEM: ResolverConfig = {
	servers: [],
	asFallback: false,
	bySystem: true,
	timeoutMs: TIMEOUT_S * 1000,
	tries: TRIES,
};

/** Reads whom to ask for names: the typed configuration, else the older fields; undefined: nothing is said of it. */
export function compileResolver(message: ResolverFields, at: string, problems: Problem[]): ResolverConfig | undefined {
	const { typedDnsResolverConfig: typed, dnsResolutionConfig: older, dnsResolvers: oldest = [] } = message;
	if (typed) return compileTyped(typed.typedConfig, `${at}typed_dns_resolver_config`, problems);
	const [list, field] = older ? [older.resolvers, "dns_resolution_config.resolvers"] : [oldest, "dns_resolvers"];
	if (list.length === 0) return undefined;
	return { ...SYSTEM, bySystem: false, servers: serversOf(list, `${at}${field}`, problems) };
}

function compileTyped(config: Any | undefined, at: string, problems: Problem[]): ResolverConfig | undefined {
	const cares = unpackAs(config, CaresDnsResolverConfigSchema);
	if (cares)
		return {
			servers: serversOf(cares.resolvers, `${at}.typed_config.resolvers`, problems),
			asFallback: cares.useResolversAsFallback,
			bySystem: false,
			timeoutMs: Number(cares.queryTimeoutSeconds ?? TIMEOUT_S) * 1000,
			tries: cares.queryTries ?? TRIES,
		};
	if (unpackAs(config, GetAddrInfoDnsResolverConfigSchema)) return SYSTEM;
	problems.push(
		problem("LTN3249", at, "this resolver is not implemented by this proxy", "use envoy.network.dns_resolver.cares"),
	);
	return undefined;
}

function serversOf(addresses: readonly Address[], at: string, problems: Problem[]): string[] {
	return addresses.flatMap(({ address }, i) => {
		const socket = address.case === "socketAddress" ? address.value : undefined;
		const port = socket?.portSpecifier.case === "portValue" ? socket.portSpecifier.value : 0;
		if (socket && isIpAddress(socket.address) && port <= 65_535) return [hostAddress(socket.address, port || 53)];
		problems.push(problem("LTN3249", `${at}[${i}]`, "a name server is an IP address with a port"));
		return [];
	});
}
