import { isIP } from "node:net";
import type { FieldPath } from "../../../lib/field-path.ts";
import {
	type CertificateValidationContext,
	SubjectAltNameMatcher_SanType as SanType,
} from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import { compileStringMatcher, type ValueTest } from "../../router/match/string-matcher.ts";
import { ProblemList } from "../../router/problem-list.ts";
import type { TlsProblems } from "../tls-problems.ts";
import type { AlternativeNames } from "./certificate-info.ts";

/** True when one of the certificate's names is what was wanted. */
export type SanMatcher = (names: AlternativeNames) => boolean;

const FIELDS: Readonly<Partial<Record<SanType, "email" | "dns" | "uri" | "ip" | "other">>> = {
	[SanType.EMAIL]: "email",
	[SanType.DNS]: "dns",
	[SanType.URI]: "uri",
	[SanType.IP_ADDRESS]: "ip",
	[SanType.OTHER_NAME]: "other",
};

/** Compiles `match_typed_subject_alt_names` and the older `match_subject_alt_names`, which fits names of every kind. */
export function compileSanMatchers(
	context: CertificateValidationContext,
	at: FieldPath,
	problems: TlsProblems,
): SanMatcher[] {
	const found = new ProblemList();
	const typed = context.matchTypedSubjectAltNames.flatMap((wanted, i) => {
		const here = at.field("match_typed_subject_alt_names").index(i);
		const kind = FIELDS[wanted.sanType];
		if (!kind || !wanted.matcher) {
			problems.add("invalid", here, "the kind of name and a matcher are needed", "set san_type and matcher");
			return [];
		}
		const test = compileStringMatcher(wanted.matcher, here.field("matcher"), found);
		if (kind === "other") return [otherName(wanted.oid, test)];
		const { matchPattern } = wanted.matcher;
		// An exact DNS name also fits a certificate for a wildcard (Envoy: dnsNameMatch).
		if (kind === "dns" && matchPattern.case === "exact") return [dnsNameMatcher(matchPattern.value)];
		return [(names: AlternativeNames) => names[kind].some(test)];
	});
	const untyped = context.matchSubjectAltNames.map((wanted, i) => {
		const test = compileStringMatcher(wanted, at.field("match_subject_alt_names").index(i), found);
		const { matchPattern } = wanted;
		const byDns: SanMatcher =
			matchPattern.case === "exact" ? dnsNameMatcher(matchPattern.value) : (names) => names.dns.some(test);
		return (names: AlternativeNames) =>
			byDns(names) || names.uri.some(test) || names.email.some(test) || names.ip.some(test);
	});
	problems.problems.push(...found.problems);
	return [...typed, ...untyped];
}

function otherName(oid: string, test: ValueTest): SanMatcher {
	return (names) =>
		names.other.some((name) => {
			const colon = name.indexOf(":");
			return name.slice(0, colon) === oid && test(name.slice(colon + 1));
		});
}

function dnsNameMatcher(wanted: string): SanMatcher {
	return (names) => names.dns.some((pattern) => dnsNameFits(wanted, pattern));
}

/** `pattern` is a name of a certificate: it may begin with a wildcard label, which stands for exactly one label. */
export function dnsNameFits(name: string, pattern: string): boolean {
	const wanted = name.toLowerCase();
	const own = pattern.toLowerCase();
	if (wanted === own) return true;
	if (!own.startsWith("*.")) return false;
	const dot = wanted.indexOf(".");
	return dot > 0 && wanted.slice(dot) === own.slice(1);
}

/** Whether one of `wanted` (host names, addresses or URIs) is a name of the certificate; for `auto_san_validation` and SNI. */
export function hasOneOfNames(names: AlternativeNames, wanted: readonly string[]): boolean {
	return wanted.some(
		(name) =>
			names.uri.includes(name) ||
			(isIP(name) === 0 ? names.dns.some((pattern) => dnsNameFits(name, pattern)) : names.ip.includes(name)),
	);
}
