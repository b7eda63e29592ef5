import type { FieldPath } from "../../lib/field-path.ts";
import {
	VirtualHost_TlsRequirementType as TlsRequirement,
	type VirtualHost,
} from "../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { RouteConfiguration } from "../../xds/generated/envoy/config/route/v3/route_pb.ts";
import type { RequestHead } from "../http/message.ts";
import { compileMirrorPolicies } from "./action/mirror-policy.ts";
import { redirectToHttps } from "./action/redirect.ts";
import { compileRetryPolicy } from "./action/retry-policy.ts";
import { compileRoute, type RouteSurroundings, replying } from "./compile-route.ts";
import type { CompileScope } from "./compile-scope.ts";
import { CompiledRoute } from "./compiled-route.ts";
import type { FilterSwitch } from "./filter-switch.ts";
import { compileHeaderLevel, type HeaderLevel } from "./headers/header-levels.ts";
import type { MatchInput } from "./match/match-input.ts";
import { RouteCondition } from "./match/route-condition.ts";
import { buildRouteIndex } from "./match/route-index.ts";
import { compileVirtualClusters } from "./match/virtual-cluster.ts";
import { compileRateLimits, NO_RATE_LIMITS } from "./rate-limit/rate-limit-policy.ts";
import type { MirrorPolicy } from "./route-match.ts";
import { compileRouteMatcher, type FindRoute } from "./route-matcher.ts";

/** What virtual hosts take from their route configuration. */
export interface ConfigurationLevel {
	readonly message: RouteConfiguration;
	readonly mirrors: readonly MirrorPolicy[];
	readonly headers: HeaderLevel;
	readonly filterConfigs: ReadonlyMap<string, FilterSwitch>;
}

/** A compiled virtual host: its routes behind an index. */
export class CompiledVirtualHost {
	readonly name: string;
	readonly #find: FindRoute;
	readonly #requireTls: TlsRequirement;
	readonly #toHttps: CompiledRoute;

	constructor(name: string, find: FindRoute, requireTls: TlsRequirement) {
		this.name = name;
		this.#find = find;
		this.#requireTls = requireTls;
		this.#toHttps = httpsRedirectRoute(name);
	}

	match(input: MatchInput): CompiledRoute | undefined {
		return this.#mustRedirect(input.request) ? this.#toHttps : this.#find(input);
	}

	#mustRedirect(request: RequestHead): boolean {
		if (this.#requireTls === TlsRequirement.NONE) return false;
		if ((request.headers.get("x-forwarded-proto") ?? request.scheme) === "https") return false;
		return this.#requireTls === TlsRequirement.ALL || request.headers.get("x-envoy-internal") !== "true";
	}
}

/** Compiles a virtual host; routes with problems are left out (the problems end the compilation anyway). */
export function compileVirtualHost(
	host: VirtualHost,
	above: ConfigurationLevel,
	at: FieldPath,
	scope: CompileScope,
): CompiledVirtualHost {
	const around = surroundingsOf(host, above, at, scope);
	return new CompiledVirtualHost(host.name, findRoute(host, around, at, scope), host.requireTls);
}

function findRoute(host: VirtualHost, around: RouteSurroundings, at: FieldPath, scope: CompileScope): FindRoute {
	if (!host.matcher) {
		const routesAt = at.field("routes");
		const index = buildRouteIndex(
			host.routes.flatMap((route, i) => compileRoute(route, around, routesAt.index(i), scope) ?? []),
		);
		return (input) => index.find(input);
	}
	if (host.routes.length > 0)
		scope.problems.add("invalid", at.field("matcher"), "a virtual host has either routes or a matcher");
	return compileRouteMatcher(host.matcher, at.field("matcher"), scope, (route, routeAt) =>
		compileRoute(route, around, routeAt, scope),
	);
}

function surroundingsOf(
	host: VirtualHost,
	above: ConfigurationLevel,
	at: FieldPath,
	scope: CompileScope,
): RouteSurroundings {
	const mirrors = compileMirrorPolicies(host.requestMirrorPolicies, at.field("request_mirror_policies"), scope);
	return {
		virtualHostName: host.name,
		inherited: {
			hedgePolicy: host.hedgePolicy,
			includeAttemptCount: host.includeRequestAttemptCount,
			includeTimeoutRetryHeader: host.includeIsTimeoutRetryHeader,
			includeAttemptCountInResponse: host.includeAttemptCountInResponse,
			retryPolicy: host.retryPolicy && compileRetryPolicy(host.retryPolicy, at.field("retry_policy"), scope.problems),
			mirrors: mirrors.length > 0 ? mirrors : above.mirrors,
		},
		bufferLimits: host,
		virtualCluster: compileVirtualClusters(host.virtualClusters, at.field("virtual_clusters"), scope.problems),
		headers: { virtualHost: compileHeaderLevel(host, at, scope), configuration: above.headers },
		rateLimits: compileRateLimits(
			host.rateLimits,
			at.field("rate_limits"),
			{ env: scope.deps.env, problems: scope.problems },
			"route",
		),
		mostSpecificWins: above.message.mostSpecificHeaderMutationsWins,
		filterConfigs: [scope.filterConfigs(host.typedPerFilterConfig, at), above.filterConfigs],
	};
}

const ANY_PATH = {
	index: "prefix",
	key: "",
	foldCase: false,
	connectOnly: false,
	test: () => true,
	covered: (path: string) => path,
} as const;

function httpsRedirectRoute(virtualHostName: string): CompiledRoute {
	const condition = new RouteCondition(ANY_PATH, [], { others: [], fraction: 1_000_000 });
	return new CompiledRoute(condition, {
		routeName: "",
		virtualHostName,
		metadata: {},
		decoratorOperation: "",
		decoratorPropagates: true,
		tracing: undefined,
		statPrefix: "",
		virtualCluster: undefined,
		headers: { request: [], response: [] },
		filterConfigs: [],
		rateLimits: { route: NO_RATE_LIMITS, virtualHost: NO_RATE_LIMITS, includeVirtualHost: false },
		...replying(redirectToHttps),
	});
}
