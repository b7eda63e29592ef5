import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { TypedExtensionConfig } from "../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import type { InternalRedirectPolicy } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { AllowListedRoutesConfigSchema } from "../../../xds/generated/envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config_pb.ts";
import { PreviousRoutesConfigSchema } from "../../../xds/generated/envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config_pb.ts";
import { SafeCrossSchemeConfigSchema } from "../../../xds/generated/envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config_pb.ts";
import type { ProblemList } from "../problem-list.ts";

/** The redirects that one request of a client has been through. */
export interface RedirectHistory {
	count: number;
	/** Routes that a route has redirected to, by the name of the route that did. */
	readonly targets: Map<string, Set<string>>;
}

/** A redirect that an endpoint asks for. */
export interface RedirectStep {
	readonly history: RedirectHistory;
	/** Names of the route that got the answer and of the one that the new request would take. */
	readonly fromRoute: string;
	readonly toRoute: string;
	readonly fromHttps: boolean;
	readonly toHttps: boolean;
}

/** Compiled `internal_redirect_policy`: which redirects of endpoints the proxy follows itself. */
export interface InternalRedirects {
	readonly statuses: ReadonlySet<number>;
	readonly maxRedirects: number;
	readonly crossScheme: boolean;
	/** Fields of the answer that take the place of the request's. */
	readonly headersToCopy: readonly string[];
	readonly predicates: readonly ((step: RedirectStep) => boolean)[];
}

/** Others in the list are passed over, as Envoy does. */
const FOLLOWED: readonly number[] = [301, 302, 303, 307, 308];
const DEFAULT_STATUSES: readonly number[] = [302];
const MOST_CODES = 5;
const HEADER_NAME = /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/;

/** Compiles a route's `internal_redirect_policy`. */
export function compileInternalRedirects(
	message: InternalRedirectPolicy,
	at: FieldPath,
	problems: ProblemList,
): InternalRedirects {
	const { redirectResponseCodes: codes, responseHeadersToCopy: headers } = message;
	if (codes.length > MOST_CODES)
		problems.add("invalid", at.field("redirect_response_codes"), `there are more than ${MOST_CODES} codes`);
	headers.forEach((name, i) => {
		const headerAt = at.field("response_headers_to_copy").index(i);
		if (headers.indexOf(name) < i) problems.add("duplicate", headerAt, `the header "${name}" is named twice`);
		if (!HEADER_NAME.test(name)) problems.add("invalid", headerAt, `"${name}" is no name of a header`);
		else if (name.startsWith(":") || name.toLowerCase() === "host")
			problems.add("invalid", headerAt, "host and pseudo headers cannot be copied");
	});
	const predicatesAt = at.field("predicates");
	return {
		statuses: new Set(codes.length === 0 ? DEFAULT_STATUSES : codes.filter((code) => FOLLOWED.includes(code))),
		maxRedirects: message.maxInternalRedirects ?? 1,
		crossScheme: message.allowCrossSchemeRedirect,
		headersToCopy: headers.map((name) => name.toLowerCase()),
		predicates: message.predicates.map((one, i) => compilePredicate(one, predicatesAt.index(i), problems)),
	};
}

function compilePredicate(
	{ name, typedConfig }: TypedExtensionConfig,
	at: FieldPath,
	problems: ProblemList,
): (step: RedirectStep) => boolean {
	const allowed = unpackAs(typedConfig, AllowListedRoutesConfigSchema);
	if (allowed) {
		const names = new Set(allowed.allowedRouteNames);
		return ({ toRoute }) => names.has(toRoute);
	}
	if (unpackAs(typedConfig, PreviousRoutesConfigSchema)) return isNewTarget;
	if (unpackAs(typedConfig, SafeCrossSchemeConfigSchema)) return ({ fromHttps, toHttps }) => fromHttps || !toHttps;
	problems.notImplemented(at, `the internal redirect predicate ${name || (typedConfig?.typeUrl ?? "")}`);
	return () => false;
}

/** Notes where a route redirects to; false when it has redirected there before. */
function isNewTarget({ history: { targets }, fromRoute, toRoute }: RedirectStep): boolean {
	let known = targets.get(fromRoute);
	if (!known) {
		known = new Set();
		targets.set(fromRoute, known);
	}
	if (known.has(toRoute)) return false;
	known.add(toRoute);
	return true;
}
