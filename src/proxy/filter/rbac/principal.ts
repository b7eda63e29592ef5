import { cidrContains, parseIp } from "../../../lib/cidr.ts";
import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { TypedExtensionConfig } from "../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import type { Principal, Principal_Authenticated } from "../../../xds/generated/envoy/config/rbac/v3/rbac_pb.ts";
import {
	type Config as MtlsAuthenticated,
	ConfigSchema as MtlsAuthenticatedSchema,
} from "../../../xds/generated/envoy/extensions/rbac/principals/mtls_authenticated/v3/mtls_authenticated_pb.ts";
import { SubjectAltNameMatcher_SanType as SanType } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import type { FilterStateMatcher } from "../../../xds/generated/envoy/type/matcher/v3/filter_state_pb.ts";
import type { CertificateInfo } from "../../http/info/connection-info.ts";
import { compileStringMatcher, type ValueTest } from "../../router/match/string-matcher.ts";
import { anyRule, snakeCase } from "./permission.ts";
import { allOf, anyOf, connectionOf, type RbacSubject, type RbacTest } from "./rbac-subject.ts";
import {
	addressRule,
	compileRange,
	headerRule,
	metadataRule,
	never,
	type RuleScope,
	sourcedMetadataRule,
	urlPathRule,
} from "./shared-rules.ts";

type Identifier = Principal["identifier"];
type IdentifierCompilers = {
	readonly [K in NonNullable<Identifier["case"]>]: (
		value: Extract<Identifier, { case: K }>["value"],
		at: FieldPath,
		scope: RuleScope,
	) => RbacTest;
};

const COMPILERS: IdentifierCompilers = {
	andIds: ({ ids }, at, scope) => allOf(compileSet(ids, at, scope)),
	orIds: ({ ids }, at, scope) => anyOf(compileSet(ids, at, scope)),
	any: (value, at, scope) => anyRule(value, at, scope),
	authenticated: authenticatedRule,
	sourceIp: (range, at, scope) => addressRule(range, "source", at, scope),
	directRemoteIp: (range, at, scope) => addressRule(range, "direct", at, scope),
	remoteIp: (range, at, scope) => addressRule(range, "remote", at, scope),
	header: headerRule,
	urlPath: urlPathRule,
	metadata: metadataRule,
	filterState: filterStateRule,
	notId: (id, at, scope) => {
		const test = compilePrincipal(id, at, scope);
		return (subject) => !test(subject);
	},
	sourcedMetadata: sourcedMetadataRule,
	custom: customRule,
};

/** Compiles one principal: who may do it. */
export function compilePrincipal({ identifier }: Principal, at: FieldPath, scope: RuleScope): RbacTest {
	if (identifier.case === undefined) {
		scope.problems.add("missing", at, "the principal has no identifier", "set any: true to match everybody");
		return never;
	}
	const compile = COMPILERS[identifier.case] as (value: unknown, at: FieldPath, scope: RuleScope) => RbacTest;
	return compile(identifier.value, at.field(snakeCase(identifier.case)), scope);
}

function compileSet(ids: readonly Principal[], at: FieldPath, scope: RuleScope): RbacTest[] {
	if (ids.length === 0) scope.problems.add("missing", at.field("ids"), "the set has no ids");
	return ids.map((id, i) => compilePrincipal(id, at.field("ids").index(i), scope));
}

/** Without a name any TLS connection will do; with one it is looked for among the URI SANs, the DNS SANs, then the subject. */
function authenticatedRule(
	{ principalName }: Principal_Authenticated,
	at: FieldPath,
	{ problems }: RuleScope,
): RbacTest {
	if (!principalName) return (subject) => connectionOf(subject).tls !== undefined;
	const test = compileStringMatcher(principalName, at.field("principal_name"), problems);
	return (subject) => {
		const { tls } = connectionOf(subject);
		return tls !== undefined && namedBy(tls.peer, test);
	};
}

function namedBy(peer: CertificateInfo | undefined, test: ValueTest): boolean {
	if (!peer) return test("");
	return peer.uriSans.some(test) || peer.dnsSans.some(test) || test(peer.subject);
}

function filterStateRule({ key, matcher }: FilterStateMatcher, at: FieldPath, { problems }: RuleScope): RbacTest {
	if (key === "") problems.add("missing", at.field("key"), "the filter state matcher has no key");
	const test = filterStateValueTest(matcher, at, problems);
	return (subject) => {
		const value = filterStateText(subject, key);
		return value !== undefined && test(value);
	};
}

/** Streams see what their connection has; objects have no text. */
function filterStateText(subject: RbacSubject, key: string): string | undefined {
	const value = subject.info.filterState.get(key) ?? connectionOf(subject).filterState.get(key);
	return typeof value === "string" ? value : undefined;
}

function filterStateValueTest(
	matcher: FilterStateMatcher["matcher"],
	at: FieldPath,
	problems: RuleScope["problems"],
): ValueTest {
	if (matcher.case === "stringMatch") return compileStringMatcher(matcher.value, at.field("string_match"), problems);
	if (matcher.case === undefined) {
		problems.add("missing", at, "the filter state matcher has neither string_match nor address_match");
		return () => false;
	}
	const rangesAt = at.field("address_match").field("ranges");
	const ranges = matcher.value.ranges.map((range, i) => compileRange(range, rangesAt.index(i), problems));
	const { invertMatch } = matcher.value;
	return (value) => {
		const ip = parseIp(value);
		return ip !== undefined && ranges.some((range) => range && cidrContains(range, ip)) !== invertMatch;
	};
}

function customRule(extension: TypedExtensionConfig, at: FieldPath, scope: RuleScope): RbacTest {
	const config = unpackAs(extension.typedConfig, MtlsAuthenticatedSchema);
	if (config) return mtlsRule(config, at.field("typed_config"), scope);
	scope.problems.notImplemented(at, `the principal ${extension.name}`);
	return never;
}

const SANS_OF_TYPE: Readonly<Record<number, (peer: CertificateInfo) => readonly string[]>> = {
	[SanType.DNS]: (peer) => peer.dnsSans,
	[SanType.URI]: (peer) => peer.uriSans,
	[SanType.EMAIL]: (peer) => peer.emailSans,
	[SanType.IP_ADDRESS]: (peer) => peer.ipSans,
};

/** A client certificate that was verified, with one of its names where `san_matcher` asks for it. */
function mtlsRule(config: MtlsAuthenticated, at: FieldPath, { problems }: RuleScope): RbacTest {
	const { sanMatcher } = config;
	if (!sanMatcher) {
		if (!config.anyValidatedClientCertificate)
			problems.add("missing", at, "neither san_matcher nor any_validated_client_certificate is set");
		return (subject) => connectionOf(subject).tls?.peerValidated === true;
	}
	const sanAt = at.field("san_matcher");
	if (config.anyValidatedClientCertificate)
		problems.add("invalid", sanAt, "san_matcher and any_validated_client_certificate exclude each other");
	const names = SANS_OF_TYPE[sanMatcher.sanType];
	if (!names) problems.notImplemented(sanAt.field("san_type"), "this type of subject alternative name");
	if (!sanMatcher.matcher) problems.add("missing", sanAt.field("matcher"), "the SAN matcher has no matcher");
	if (!names || !sanMatcher.matcher) return never;
	const test = compileStringMatcher(sanMatcher.matcher, sanAt.field("matcher"), problems);
	return (subject) => {
		const { tls } = connectionOf(subject);
		return tls?.peerValidated === true && tls.peer !== undefined && names(tls.peer).some(test);
	};
}
