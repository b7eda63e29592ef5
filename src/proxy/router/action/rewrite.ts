import type { FieldPath } from "../../../lib/field-path.ts";
import type { RouteAction } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { RegexMatchAndSubstitute } from "../../../xds/generated/envoy/type/matcher/v3/regex_pb.ts";
import type { RequestHead } from "../../http/message.ts";
import { type PathMatcher, pathOnly } from "../match/path-matcher.ts";
import { compileRegexRewrite, type RegexRewrite } from "../match/regex.ts";
import { attempt } from "../match/string-matcher.ts";
import type { ProblemList } from "../problem-list.ts";

/** A new path for a path without query; the caller puts the query back. */
export type PathRewrite = (path: string) => string;

/** Replaces what the route's path condition covers; exact and regex conditions cover the whole path. */
export function prefixRewrite(replacement: string, matcher: PathMatcher): PathRewrite {
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
	problems: ProblemList,
): PathRewrite | undefined {
	if (action.prefixRewrite !== "" && action.regexRewrite)
		problems.add("invalid", at, "prefix_rewrite and regex_rewrite exclude each other", "set one of them");
	if (action.prefixRewrite !== "") return prefixRewrite(action.prefixRewrite, matcher);
	const regex = action.regexRewrite && compileSubstitution(action.regexRewrite, at.field("regex_rewrite"), problems);
	return regex && ((path) => regex.apply(path));
}

/** Applies a path rewrite in place, query kept; the client's path goes to x-envoy-original-path. */
export function rewritePath(request: RequestHead, rewrite: PathRewrite): void {
	const path = pathOnly(request.path);
	const rewritten = rewrite(path);
	// As in Envoy: a substitution that leaves nothing leaves the path alone.
	if (rewritten === "") return;
	const query = request.path.slice(path.length);
	request.headers.set("x-envoy-original-path", request.path);
	request.path = rewritten + query;
}

/** The new host for a request, or undefined to keep it. */
export type HostRewrite = (request: RequestHead) => string | undefined;

/** The host rewrite of a forwarding route. */
export function compileHostRewrite(action: RouteAction, at: FieldPath, problems: ProblemList): HostRewrite | undefined {
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
		case "autoHostRewrite":
			if (spec.value.value) problems.notImplemented(at.field("auto_host_rewrite"), "taking the host from the endpoint");
			return undefined;
		case "hostRewrite":
			problems.notImplemented(at.field("host_rewrite"), "a format string for the host");
			return undefined;
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
