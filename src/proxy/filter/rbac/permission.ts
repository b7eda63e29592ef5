import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { TypedExtensionConfig } from "../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import type { Permission } from "../../../xds/generated/envoy/config/rbac/v3/rbac_pb.ts";
import { UriTemplateMatchConfigSchema } from "../../../xds/generated/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.ts";
import type { Int32Range } from "../../../xds/generated/envoy/type/v3/range_pb.ts";
import { pathOnly } from "../../router/match/path/path-matcher.ts";
import { compileUriTemplate } from "../../router/match/path/uri-template.ts";
import { compileStringMatcher } from "../../router/match/string-matcher.ts";
import { allOf, anyOf, connectionOf, type RbacTest } from "./rbac-subject.ts";
import {
	addressRule,
	headerRule,
	metadataRule,
	never,
	type RuleScope,
	sourcedMetadataRule,
	urlPathRule,
} from "./shared-rules.ts";

type Rule = Permission["rule"];
type RuleCompilers = {
	readonly [K in NonNullable<Rule["case"]>]: (
		value: Extract<Rule, { case: K }>["value"],
		at: FieldPath,
		scope: RuleScope,
	) => RbacTest;
};

const COMPILERS: RuleCompilers = {
	andRules: ({ rules }, at, scope) => allOf(compileSet(rules, at, scope)),
	orRules: ({ rules }, at, scope) => anyOf(compileSet(rules, at, scope)),
	any: (value, at, scope) => anyRule(value, at, scope),
	header: headerRule,
	urlPath: urlPathRule,
	destinationIp: (range, at, scope) => addressRule(range, "destination", at, scope),
	destinationPort: (port, at, { problems }) => {
		if (port > 65535) problems.add("invalid", at, `${port} is no port`);
		return (subject) => connectionOf(subject).localPort === port;
	},
	destinationPortRange: portRangeRule,
	metadata: metadataRule,
	sourcedMetadata: sourcedMetadataRule,
	notRule: (rule, at, scope) => {
		const test = compilePermission(rule, at, scope);
		return (subject) => !test(subject);
	},
	requestedServerName: (matcher, at, { problems }) => {
		const test = compileStringMatcher(matcher, at, problems);
		return (subject) => test(connectionOf(subject).requestedServerName ?? "");
	},
	matcher: (extension, at, { problems }) => {
		problems.notImplemented(at, `the permission matcher ${extension.name}`);
		return never;
	},
	uriTemplate: uriTemplateRule,
};

/** Compiles one permission: what may be done. */
export function compilePermission({ rule }: Permission, at: FieldPath, scope: RuleScope): RbacTest {
	if (rule.case === undefined) {
		scope.problems.add("missing", at, "the permission has no rule", "set any: true to match everything");
		return never;
	}
	const compile = COMPILERS[rule.case] as (value: unknown, at: FieldPath, scope: RuleScope) => RbacTest;
	return compile(rule.value, at.field(snakeCase(rule.case)), scope);
}

/** Proto field name of a oneof's case. */
export function snakeCase(name: string): string {
	return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `any`, which can only be true. */
export function anyRule(value: boolean, at: FieldPath, { problems }: RuleScope): RbacTest {
	if (!value) problems.add("invalid", at, "any can only be true");
	return () => true;
}

function compileSet(rules: readonly Permission[], at: FieldPath, scope: RuleScope): RbacTest[] {
	if (rules.length === 0) scope.problems.add("missing", at.field("rules"), "the set has no rules");
	return rules.map((rule, i) => compilePermission(rule, at.field("rules").index(i), scope));
}

function portRangeRule({ start, end }: Int32Range, at: FieldPath, { problems }: RuleScope): RbacTest {
	if (start < 0 || end > 65536 || start >= end) problems.add("invalid", at, `[${start}, ${end}) is no range of ports`);
	return (subject) => start <= connectionOf(subject).localPort && connectionOf(subject).localPort < end;
}

function uriTemplateRule(extension: TypedExtensionConfig, at: FieldPath, { problems }: RuleScope): RbacTest {
	const config = unpackAs(extension.typedConfig, UriTemplateMatchConfigSchema);
	if (!config) {
		problems.notImplemented(at, `the path matcher ${extension.name}`);
		return never;
	}
	const template = compileUriTemplate(config.pathTemplate, at.field("typed_config").field("path_template"), problems);
	return ({ request }) => request !== undefined && template.test(pathOnly(request.path));
}
