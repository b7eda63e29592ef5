import { type Cidr, cidrContains, type IpWords, parseCidr, parseIp } from "../../../lib/cidr.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { SourcedMetadata } from "../../../xds/generated/envoy/config/rbac/v3/rbac_pb.ts";
import { MetadataSource } from "../../../xds/generated/envoy/config/rbac/v3/rbac_pb.ts";
import type { HeaderMatcher } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { MetadataMatcher } from "../../../xds/generated/envoy/type/matcher/v3/metadata_pb.ts";
import type { PathMatcher } from "../../../xds/generated/envoy/type/matcher/v3/path_pb.ts";
import type { RequestHead } from "../../http/message.ts";
import { splitAddress } from "../../router/format/address-operators.ts";
import { compileHeaderMatcher, testRequestHeader } from "../../router/match/header-matcher.ts";
import { pathOnly } from "../../router/match/path/path-matcher.ts";
import { compileStringMatcher } from "../../router/match/string-matcher.ts";
import { compileMetadataMatcher } from "../../router/match/value-matcher.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { connectionOf, type RbacSubject, type RbacTest } from "./rbac-subject.ts";

/** One compilation: where problems go, and whether there are requests to look at. */
export interface RuleScope {
	readonly problems: ProblemList;
	readonly layer: "http" | "network";
}

export const never: RbacTest = () => false;

const NO_REQUEST = { headers: { getJoined: () => undefined }, path: "", authority: "" } as unknown as RequestHead;

/** A header test; Envoy refuses them in the network filter. */
export function headerRule(matcher: HeaderMatcher, at: FieldPath, { problems, layer }: RuleScope): RbacTest {
	if (layer === "network") problems.add("invalid", at, "a network filter sees no headers", "remove the rule");
	const header = compileHeaderMatcher(matcher, at, problems);
	return ({ request }) => testRequestHeader(header, request ?? NO_REQUEST);
}

/** The path without query and fragment. */
export function urlPathRule({ rule }: PathMatcher, at: FieldPath, { problems }: RuleScope): RbacTest {
	if (rule.case !== "path") {
		problems.add("missing", at, "the path matcher has no path");
		return never;
	}
	const test = compileStringMatcher(rule.value, at.field("path"), problems);
	return ({ request }) => request !== undefined && request.path !== "" && test(pathOnly(request.path));
}

/** Which address of the connection a range is held against. */
export const ADDRESSES = {
	/** Envoy: the connection's remote address, after the PROXY protocol. */
	source: (subject: RbacSubject) => connectionOf(subject).sourceIp,
	direct: (subject: RbacSubject) => connectionOf(subject).remoteIp,
	/** After x-forwarded-for. */
	remote: (subject: RbacSubject) =>
		splitAddress(subject.info.downstreamRemoteAddress)?.ip ?? connectionOf(subject).sourceIp,
	destination: (subject: RbacSubject) => connectionOf(subject).localIp,
} as const;

/** A CidrRange as xDS writes it. */
export interface RangeFields {
	readonly addressPrefix: string;
	readonly prefixLen?: number | undefined;
}

/** An address in a range. Envoy reads a missing prefix length as 0. */
export function addressRule(
	range: RangeFields,
	address: keyof typeof ADDRESSES,
	at: FieldPath,
	{ problems }: RuleScope,
): RbacTest {
	const cidr = compileRange(range, at, problems);
	if (!cidr) return never;
	const read = ADDRESSES[address];
	const memo = new IpMemo();
	return (subject) => {
		const ip = memo.parse(read(subject));
		return ip !== undefined && cidrContains(cidr, ip);
	};
}

export function compileRange(
	{ addressPrefix, prefixLen }: RangeFields,
	at: FieldPath,
	problems: ProblemList,
): Cidr | undefined {
	const cidr = parseCidr(addressPrefix, prefixLen ?? 0);
	if (!cidr) problems.add("invalid", at, `${addressPrefix}/${prefixLen ?? 0} is no address range`);
	return cidr;
}

/** Requests of one connection ask about the same address again and again. */
export class IpMemo {
	#text = "";
	#ip: IpWords | undefined = undefined;

	parse(text: string): IpWords | undefined {
		if (text !== this.#text) {
			this.#text = text;
			this.#ip = parseIp(text);
		}
		return this.#ip;
	}
}

/** Dynamic metadata of the stream. */
export function metadataRule(matcher: MetadataMatcher, at: FieldPath, { problems }: RuleScope): RbacTest {
	const test = compileMetadataMatcher(matcher, at, problems);
	return ({ info }) => test((namespace) => info.dynamicMetadata.get(namespace));
}

/** Metadata of the stream or of its route. */
export function sourcedMetadataRule(rule: SourcedMetadata, at: FieldPath, scope: RuleScope): RbacTest {
	const matcherAt = at.field("metadata_matcher");
	if (!rule.metadataMatcher) {
		scope.problems.add("missing", matcherAt, "there is no metadata matcher");
		return never;
	}
	if (rule.metadataSource === MetadataSource.DYNAMIC) return metadataRule(rule.metadataMatcher, matcherAt, scope);
	const test = compileMetadataMatcher(rule.metadataMatcher, matcherAt, scope.problems);
	return (subject) => {
		const metadata = subject.route?.()?.metadata;
		return metadata !== undefined && test((namespace) => metadata[namespace]);
	};
}
