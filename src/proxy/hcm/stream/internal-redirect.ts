import type { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { InternalRedirects, RedirectHistory } from "../../router/action/internal-redirect.ts";
import type { HcmStats } from "../hcm-stats.ts";

/** A stream whose endpoint answered with a redirect. */
export interface RedirectedStream {
	readonly request: RequestHead;
	readonly history: RedirectHistory;
	/** The client's connection has TLS. */
	readonly secure: boolean;
	readonly stats: HcmStats;
	/** Name of the route that the request took. */
	readonly routeName: string;
	/** Name of the route that the request would take now; undefined: none. */
	reroute(): string | undefined;
}

/**
 * Turns the request into the one that a redirect asks for (Envoy: Filter::convertRequestHeadersForInternalRedirect); false, with the
 * request as it was, when the policy says no: the redirect then goes to the client.
 */
export function followRedirect(stream: RedirectedStream, answer: ResponseHead, policy: InternalRedirects): boolean {
	const { request, history, stats } = stream;
	const target = parseTarget(answer.headers.get("location") ?? "");
	if (!target) {
		stats.redirectBadLocation.inc();
		return false;
	}
	// As Envoy: what comes without TLS is http, whatever its scheme says.
	const fromHttps = stream.secure && request.scheme === "https";
	const toHttps = target.scheme !== "http";
	if (!policy.crossScheme && fromHttps !== toHttps) {
		stats.redirectUnsafeScheme.inc();
		return false;
	}
	if (history.count >= policy.maxRedirects) {
		stats.redirectTooMany.inc();
		return false;
	}
	const before = { ...request, headers: request.headers.clone() };
	copyFields(policy.headersToCopy, answer.headers, request.headers);
	Object.assign(request, target);
	const refusal = refusedBy(stream, policy, { fromHttps, toHttps });
	if (refusal) {
		refusal.inc();
		restore(request, before);
		return false;
	}
	if (answer.status === 303 && request.method !== "GET" && request.method !== "HEAD") {
		request.method = "GET";
		request.headers.remove("content-length");
	}
	history.count++;
	request.headers.set("x-envoy-original-url", `${fromHttps ? "https" : "http"}://${before.authority}${before.path}`);
	return true;
}

type Target = Pick<RequestHead, "scheme" | "authority" | "path">;

const ABSOLUTE = /^([a-z]+):\/\/(?:[^/?#@]*@)?([^/?#@]+)([^#]*)/i;

/** An absolute URL's parts; its fragment is no part of a request. */
function parseTarget(location: string): Target | undefined {
	const [, scheme, authority, rest] = ABSOLUTE.exec(location) ?? [];
	if (!scheme || !authority || rest === undefined || hasBlank(location)) return undefined;
	// As Envoy, which leaves a query without a path as it is: no route takes that.
	return { scheme: scheme.toLowerCase() === "http" ? "http" : "https", authority, path: rest || "/" };
}

function hasBlank(text: string): boolean {
	for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) <= 0x20 || text.charCodeAt(i) === 0x7f) return true;
	return false;
}

function refusedBy(
	stream: RedirectedStream,
	{ predicates }: InternalRedirects,
	schemes: { readonly fromHttps: boolean; readonly toHttps: boolean },
): HcmStats["redirectNoRoute"] | undefined {
	const { history, stats, routeName: fromRoute } = stream;
	const toRoute = stream.reroute();
	if (toRoute === undefined) return stats.redirectNoRoute;
	const step = { history, fromRoute, toRoute, ...schemes };
	return predicates.every((accepts) => accepts(step)) ? undefined : stats.redirectPredicate;
}

function copyFields(names: readonly string[], from: HeaderMap, to: HeaderMap): void {
	for (const name of names) {
		to.remove(name);
		for (const value of from.getAll(name)) to.append(name, value);
	}
}

function restore(request: RequestHead, { headers, scheme, authority, path }: RequestHead): void {
	Object.assign(request, { scheme, authority, path });
	request.headers.names.splice(0, Number.POSITIVE_INFINITY, ...headers.names);
	request.headers.values.splice(0, Number.POSITIVE_INFINITY, ...headers.values);
}
