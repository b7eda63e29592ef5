import type { FieldPath } from "../../../lib/field-path.ts";
import { type IpRange, ipRange } from "../../../lib/ip-range.ts";
import { type Problem, problem } from "../../../lib/problem.ts";
import type { CidrRange } from "../../../xds/generated/envoy/config/core/v3/address_pb.ts";
import {
	type FilterChainMatch,
	FilterChainMatch_ConnectionSourceType as Source,
} from "../../../xds/generated/envoy/config/listener/v3/listener_components_pb.ts";
import type { ChainMatch, SourceType } from "./chain-index.ts";

const SOURCE_TYPES: Readonly<Record<Source, SourceType>> = {
	[Source.ANY]: "any",
	[Source.SAME_IP_OR_LOOPBACK]: "local",
	[Source.EXTERNAL]: "external",
};

/** Reads the criteria of a filter chain; what is missing asks for nothing. */
export function parseChainMatch(message: FilterChainMatch | undefined, at: FieldPath, problems: Problem[]): ChainMatch {
	const ranges = (list: readonly CidrRange[], field: string) => parseRanges(list, at.field(field), problems);
	for (const [i, name] of (message?.serverNames ?? []).entries())
		if (name.includes("*") && !name.startsWith("*.")) problems.push(partialWildcard(at.field("server_names").index(i)));
	return {
		destinationPort: message?.destinationPort ?? 0,
		destinationRanges: ranges(message?.prefixRanges ?? [], "prefix_ranges"),
		serverNames: (message?.serverNames ?? []).map((name) => name.toLowerCase()),
		transportProtocol: message?.transportProtocol ?? "",
		applicationProtocols: message?.applicationProtocols ?? [],
		directSourceRanges: ranges(message?.directSourcePrefixRanges ?? [], "direct_source_prefix_ranges"),
		sourceType: SOURCE_TYPES[message?.sourceType ?? Source.ANY],
		sourceRanges: ranges(message?.sourcePrefixRanges ?? [], "source_prefix_ranges"),
		sourcePorts: message?.sourcePorts ?? [],
	};
}

function parseRanges(list: readonly CidrRange[], at: FieldPath, problems: Problem[]): IpRange[] {
	return list.flatMap(({ addressPrefix, prefixLen }, i) => {
		const range = ipRange(addressPrefix, prefixLen ?? 0);
		if (range) return [range];
		const where = at.index(i).field("address_prefix").toString();
		problems.push(problem("LTN3114", where, `"${addressPrefix}" is no IP address`, "write an IPv4 or IPv6 address"));
		return [];
	});
}

function partialWildcard(at: FieldPath): Problem {
	const text = "a wildcard in a server name stands for whole labels at its beginning";
	return problem("LTN3114", at.toString(), text, "write *.example.com, or leave server_names out for every name");
}
