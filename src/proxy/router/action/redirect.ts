import type { FieldPath } from "../../../lib/field-path.ts";
import type { RedirectAction } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { LocalReply, RequestHead } from "../../http/message.ts";
import type { CompileScope } from "../compile-scope.ts";
import { type PathMatcher, pathOnly } from "../match/path/path-matcher.ts";
import { compileSubstitution, type PathRewrite, prefixRewrite } from "./rewrite.ts";

const STATUS: readonly number[] = [301, 302, 303, 307, 308];

/** Builds the answer to a request; Envoy gives redirects and direct responses the same details. */
export type ReplyBuilder = (request: RequestHead, info: StreamInfo) => LocalReply;

export function localReply(status: number, body: string, location: string | undefined): LocalReply {
	const headers = location === undefined ? [] : [["location", location] as const];
	return { status, body, details: "direct_response", headers };
}

/** Compiles a `RedirectAction`. */
export function compileRedirect(
	action: RedirectAction,
	matcher: PathMatcher,
	at: FieldPath,
	scope: CompileScope,
): ReplyBuilder {
	const { problems } = scope;
	const status = STATUS[action.responseCode];
	if (status === undefined)
		problems.add("invalid", at.field("response_code"), `${action.responseCode} is no redirect response code`);
	const path = compileRedirectPath(action, matcher, at, scope);
	const scheme = redirectScheme(action);
	const port = action.portRedirect === 0 ? "" : `:${action.portRedirect}`;
	return (request, info) => {
		const newScheme = scheme || request.scheme;
		const host = action.hostRedirect || requestHost(request, newScheme, port);
		return localReply(status ?? 301, "", `${newScheme}://${host}${port}${path(request, info)}`);
	};
}

function redirectScheme(action: RedirectAction): string {
	const { schemeRewriteSpecifier: spec } = action;
	if (spec.case === "schemeRedirect") return spec.value;
	return spec.case === "httpsRedirect" && spec.value ? "https" : "";
}

/** The request's host; its port goes when another one is set, or when it was the old scheme's default. */
function requestHost(request: RequestHead, newScheme: string, newPort: string): string {
	const { authority, scheme } = request;
	const colon = authority.startsWith("[") ? authority.lastIndexOf("]:") + 1 : authority.lastIndexOf(":");
	if (colon <= 0) return authority;
	const isDefault = authority.slice(colon) === (scheme === "https" ? ":443" : ":80");
	return newPort !== "" || (newScheme !== scheme && isDefault) ? authority.slice(0, colon) : authority;
}

/** The new path with its query, from the request's path with its query. */
function compileRedirectPath(
	action: RedirectAction,
	matcher: PathMatcher,
	at: FieldPath,
	scope: CompileScope,
): (request: RequestHead, info: StreamInfo) => string {
	const { pathRewriteSpecifier: spec, stripQuery } = action;
	// A query in the new path takes the place of the request's and stays.
	if (spec.case === "pathRedirect" && spec.value.includes("?")) return () => absolute(spec.value);
	const rewrite = compileRewriteOf(spec, matcher, at, scope);
	return (request, info) => {
		const target = request.path;
		const path = pathOnly(target);
		const query = stripQuery ? "" : target.slice(path.length);
		return absolute(rewrite(path, request, info) || path) + query;
	};
}

const absolute = (path: string) => (path.startsWith("/") ? path : `/${path}`);

function compileRewriteOf(
	spec: RedirectAction["pathRewriteSpecifier"],
	matcher: PathMatcher,
	at: FieldPath,
	scope: CompileScope,
): PathRewrite {
	switch (spec.case) {
		case "pathRedirect":
			return spec.value === "" ? (path) => path : () => spec.value;
		case "prefixRewrite":
			return spec.value === "" ? (path) => path : prefixRewrite(spec.value, matcher);
		case "regexRewrite": {
			const regex = compileSubstitution(spec.value, at.field("regex_rewrite"), scope.problems);
			return regex ? (path) => regex.apply(path) : (path) => path;
		}
		case "pathRewrite": {
			const format = scope.textFormat(spec.value, at.field("path_rewrite"));
			return (_, request, info) => format.format({ info, request });
		}
		default:
			return (path) => path;
	}
}

/** The redirect that `require_tls` asks for: the same URL with https (Envoy: SslRedirectRoute). */
export const redirectToHttps: ReplyBuilder = (request) =>
	localReply(301, "", `https://${request.authority}${request.path}`);
