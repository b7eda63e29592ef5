import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { TypedExtensionConfig } from "../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import type { RouteAction } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { UriTemplateRewriteConfigSchema } from "../../../xds/generated/envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite_pb.ts";
import type { RegexMatchAndSubstitute } from "../../../xds/generated/envoy/type/matcher/v3/regex_pb.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { RequestHead } from "../../http/message.ts";
import type { CompileScope } from "../compile-scope.ts";
import { type PathMatcher, pathOnly } from "../match/path/path-matcher.ts";
import { compileRegexRewrite, type RegexRewrite } from "../match/regex/regex.ts";
import { attempt } from "../match/string-matcher.ts";
import type { ProblemList } from "../problem-list.ts";

/** A new path for a path without query; the caller puts the query back. */
export type PathRewrite = (path: string, request: RequestHead, info: StreamInfo) => string;

/** Replaces what the route's path condition covers; exact and regex conditions cover the whole path. */
export function prefixRewrite(replacement: string, matcher: PathMatcher): (path: string) => string {
	return (path) => replacement + path.slice(matcher.covered(path).length);
}

/** Compiles a substitution; undefined (and a problem) when the expression is wrong. */
export function compileSubstitution(
	message: RegexMatchAndSubstitute,
	at: FieldPath,
	problems: ProblemList,
): RegexRewrite | undefined {
	const pattern = message.pattern?.regex ?? "";
	if (pattern === "") {
		problems.add("missing", at.field("pattern").field("regex"), "the regular expression is empty");
		return undefined;
	}
	return attempt(() => compileRegexRewrite(pattern, message.substitution), at, problems);
}

/** The path rewrite of a forwarding route: `prefix_rewrite` or `regex_rewrite`, not both. */
export function compilePathRewrite(
	action: RouteAction,
	matcher: PathMatcher,
	at: FieldPath,
	scope: CompileScope,
): PathRewrite | undefined {
	const { problems } = scope;
	const kinds = [action.prefixRewrite, action.regexRewrite, action.pathRewritePolicy, action.pathRewrite];
	if (kinds.filter(Boolean).length > 1)
		problems.add(
			"invalid",
			at,
			"path_rewrite, prefix_rewrite, regex_rewrite and path_rewrite_policy exclude each other",
		);
	if (action.pathRewrite !== "") {
		const format = scope.textFormat(action.pathRewrite, at.field("path_rewrite"));
		return (_, request, info) => format.format({ info, request });
	}
	if (action.pathRewritePolicy)
		return templateRewrite(action.pathRewritePolicy, matcher, at.field("path_rewrite_policy"), problems);
	if (action.prefixRewrite !== "") return prefixRewrite(action.prefixRewrite, matcher);
	const regex = action.regexRewrite && compileSubstitution(action.regexRewrite, at.field("regex_rewrite"), problems);
	return regex && ((path) => regex.apply(path));
}

/** The one path rewrite policy that Envoy has: `envoy.path.rewrite.uri_template.uri_template_rewriter`. */
function templateRewrite(
	policy: TypedExtensionConfig,
	{ template }: PathMatcher,
	at: FieldPath,
	problems: ProblemList,
): PathRewrite | undefined {
	const config = policy.typedConfig && anyUnpack(policy.typedConfig, UriTemplateRewriteConfigSchema);
	if (!config) {
		problems.notImplemented(at.field("typed_config"), "a path rewrite policy other than UriTemplateRewriteConfig");
		return undefined;
	}
	if (!template) {
		problems.add("invalid", at, "a template can only rewrite what a path template matched", "set path_match_policy");
		return undefined;
	}
	const textAt = at.field("typed_config").field("path_template_rewrite");
	const parts = parseTemplateRewrite(config.pathTemplateRewrite, template.variables, textAt, problems);
	return (path) => {
		const captured = template.captures(path);
		return captured ? parts.map(({ text, variable }) => (variable ? (captured.get(text) ?? "") : text)).join("") : "";
	};
}

interface TemplatePart {
	readonly text: string;
	readonly variable: boolean;
}

function parseTemplateRewrite(
	text: string,
	variables: readonly string[],
	at: FieldPath,
	problems: ProblemList,
): readonly TemplatePart[] {
	if (!/^\/(?:[^{}*]|\{[^{}*]+\})*$/.test(text))
		problems.add(
			"invalid",
			at,
			`"${text}" is no template of a new path`,
			"begin with a slash, name variables as {name}",
		);
	const parts = text.split(/(\{[^{}]*\})/).filter((part) => part !== "");
	return parts.map((part) => {
		const variable = part.startsWith("{");
		const name = variable ? part.slice(1, -1) : part;
		if (variable && !variables.includes(name))
			problems.add("invalid", at, `the matched template has no variable "${name}"`);
		return { text: name, variable };
	});
}

/** Applies a path rewrite in place, query kept; the client's path goes to x-envoy-original-path. */
export function rewritePath(request: RequestHead, rewrite: PathRewrite, info: StreamInfo): void {
	const path = pathOnly(request.path);
	const rewritten = rewrite(path, request, info);
	// As in Envoy: a substitution that leaves nothing leaves the path alone.
	if (rewritten === "") return;
	const query = request.path.slice(path.length);
	request.headers.set("x-envoy-original-path", request.path);
	request.path = rewritten + query;
}

/** The new host for a request, or undefined to keep it. */
export type HostRewrite = (request: RequestHead, info: StreamInfo) => string | undefined;

/** The host rewrite of a forwarding route; `auto_host_rewrite` comes later, when the endpoint is known (`ForwardAction`). */
export function compileHostRewrite(action: RouteAction, at: FieldPath, scope: CompileScope): HostRewrite | undefined {
	const { problems } = scope;
	const { hostRewriteSpecifier: spec } = action;
	switch (spec.case) {
		case "hostRewriteLiteral":
			return () => spec.value || undefined;
		case "hostRewriteHeader": {
			const name = spec.value.toLowerCase();
			return (request) => request.headers.get(name) || undefined;
		}
		case "hostRewritePathRegex": {
			const regex = compileSubstitution(spec.value, at.field("host_rewrite_path_regex"), problems);
			return regex && ((request) => regex.apply(pathOnly(request.path)) || undefined);
		}
		case "hostRewrite": {
			const format = scope.textFormat(spec.value, at.field("host_rewrite"));
			return (request, info) => format.format({ info, request }) || undefined;
		}
		default:
			return undefined;
	}
}

/** Puts a new host in place (Envoy: Utility::updateAuthority): the client's goes to x-envoy-original-host, and to x-forwarded-host when asked. */
export function rewriteHost(request: RequestHead, host: string, appendForwardedHost: boolean): void {
	const { headers, authority } = request;
	headers.set("x-envoy-original-host", authority);
	if (appendForwardedHost && authority !== "") {
		const before = headers.getJoined("x-forwarded-host");
		const last = before?.slice(before.lastIndexOf(",") + 1).trim();
		if (last !== authority) headers.set("x-forwarded-host", before ? `${before},${authority}` : authority);
	}
	request.authority = host;
}
