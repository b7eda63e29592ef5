import type { FieldPath } from "../../lib/field-path.ts";
import type { Route, WeightedCluster } from "../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { compileDirectResponse } from "./action/direct-response.ts";
import { compileForwardAction, type InheritedSettings } from "./action/forward-action.ts";
import { compileRedirect, type ReplyBuilder } from "./action/redirect.ts";
import { compileHostRewrite, compilePathRewrite } from "./action/rewrite.ts";
import type { CompileScope } from "./compile-scope.ts";
import { CompiledRoute, type RouteParts, type WeightedLevel } from "./compiled-route.ts";
import type { FilterSwitch } from "./filter-switch.ts";
import { compileHeaderLevel, type HeaderLevel, orderLevels } from "./headers/header-levels.ts";
import type { PathMatcher } from "./match/path/path-matcher.ts";
import { compileRouteCondition, type RouteCondition } from "./match/route-condition.ts";
import {
	compileRateLimits,
	NO_RATE_LIMITS,
	type RateLimitPolicy,
	type RouteRateLimits,
} from "./rate-limit/rate-limit-policy.ts";
import type { RouteAction, RouteMatch } from "./route-match.ts";
import { compileRouteTracing } from "./tracing/route-tracing.ts";

/** What a route takes from the levels above it. */
export interface RouteSurroundings {
	readonly virtualHostName: string;
	readonly inherited: Omit<InheritedSettings, "failover" | "bufferLimitBytes">;
	readonly bufferLimits: BufferLimits;
	readonly headers: { readonly virtualHost: HeaderLevel; readonly configuration: HeaderLevel };
	readonly mostSpecificWins: boolean;
	readonly virtualCluster: RouteMatch["virtualCluster"];
	readonly rateLimits: RateLimitPolicy;
	/** `typed_per_filter_config` of virtual host, then configuration. */
	readonly filterConfigs: readonly ReadonlyMap<string, FilterSwitch>[];
}

type ActionParts = Pick<RouteParts, "action" | "weighted" | "hostRewrite" | "appendForwardedHost" | "pathRewrite">;

/** Compiles one route; undefined (with problems) when it has no match or no action. */
export function compileRoute(
	route: Route,
	around: RouteSurroundings,
	at: FieldPath,
	scope: CompileScope,
): CompiledRoute | undefined {
	const own = compileHeaderLevel(route, at, scope);
	const condition = conditionOf(route, at.field("match"), scope);
	const metadata: RouteMatch["metadata"] = route.metadata?.filterMetadata ?? {};
	const filterConfigs = [scope.filterConfigs(route.typedPerFilterConfig, at), ...around.filterConfigs];
	if (!condition) return undefined;
	const failover = metadata.lateen?.weighted_failover === true;
	const bufferLimitBytes = bufferLimit(route, around.bufferLimits);
	const inherited = { ...around.inherited, bufferLimitBytes, failover };
	const action = compileAction(route, condition.path, { inherited, at, scope });
	return (
		action &&
		new CompiledRoute(condition, {
			routeName: route.name,
			virtualHostName: around.virtualHostName,
			metadata,
			decoratorOperation: route.decorator?.operation ?? "",
			decoratorPropagates: route.decorator?.propagate ?? true,
			tracing: route.tracing && compileRouteTracing(route.tracing, scope.deps.env, at.field("tracing"), scope.problems),
			statPrefix: route.statPrefix,
			virtualCluster: around.virtualCluster,
			headers: orderLevels({ route: own, ...around.headers }, around.mostSpecificWins),
			filterConfigs,
			rateLimits: routeRateLimits(route, around.rateLimits, at, scope),
			...action,
		})
	);
}

/** Fields of route and virtual host that say how much of a request's body is kept. */
export type BufferLimits = Pick<Route, "requestBodyBufferLimit" | "perRequestBufferLimitBytes">;

/** As Envoy: the newer field, of whichever level, counts before the older one. */
function bufferLimit(own: BufferLimits, above: BufferLimits): number | undefined {
	const limit = own.requestBodyBufferLimit ?? above.requestBodyBufferLimit;
	return limit === undefined ? (own.perRequestBufferLimitBytes ?? above.perRequestBufferLimitBytes) : Number(limit);
}

function routeRateLimits(
	{ action }: Route,
	virtualHost: RateLimitPolicy,
	at: FieldPath,
	scope: CompileScope,
): RouteRateLimits {
	if (action.case !== "route") return { route: NO_RATE_LIMITS, virtualHost, includeVirtualHost: false };
	const { rateLimits, includeVhRateLimits } = action.value;
	const on = { env: scope.deps.env, problems: scope.problems };
	const route = compileRateLimits(rateLimits, at.field("route").field("rate_limits"), on, "route");
	return { route, virtualHost, includeVirtualHost: includeVhRateLimits ?? false };
}

function conditionOf(route: Route, at: FieldPath, scope: CompileScope): RouteCondition | undefined {
	if (route.match) return compileRouteCondition(route.match, at, scope.problems);
	scope.problems.add("missing", at, "the route has no match");
	return undefined;
}

interface ActionContext {
	readonly inherited: InheritedSettings;
	readonly at: FieldPath;
	readonly scope: CompileScope;
}

function compileAction(
	route: Route,
	path: PathMatcher,
	{ inherited, at, scope }: ActionContext,
): ActionParts | undefined {
	const { action } = route;
	switch (action.case) {
		case "redirect":
			return replying(compileRedirect(action.value, path, at.field("redirect"), scope));
		case "directResponse":
			return replying(compileDirectResponse(action.value, at.field("direct_response"), scope));
		case "route": {
			const routeAt = at.field("route");
			const { clusterSpecifier: spec } = action.value;
			const weightedAt = routeAt.field("weighted_clusters");
			return {
				action: { kind: "forward", forward: compileForwardAction(action.value, inherited, routeAt, scope) },
				weighted: spec.case === "weightedClusters" ? compileWeightedLevels(spec.value, weightedAt, scope) : [],
				hostRewrite: compileHostRewrite(action.value, routeAt, scope),
				appendForwardedHost: action.value.appendXForwardedHost,
				pathRewrite: compilePathRewrite(action.value, path, routeAt, scope),
			};
		}
		case undefined:
			scope.problems.add("missing", at, "the route has no action", "set route, redirect or direct_response");
			return undefined;
		default:
			scope.problems.notImplemented(at, `the action ${action.case}`);
			return undefined;
	}
}

/** The parts of a route that answers by itself. */
export function replying(reply: ReplyBuilder): ActionParts {
	const action: RouteAction = { kind: "reply", reply };
	return { action, weighted: [], hostRewrite: undefined, appendForwardedHost: false, pathRewrite: undefined };
}

function compileWeightedLevels(message: WeightedCluster, at: FieldPath, scope: CompileScope): WeightedLevel[] {
	return message.clusters.map((cluster, i) => ({
		headers: compileHeaderLevel(cluster, at.field("clusters").index(i), scope),
		host: cluster.hostRewriteSpecifier.value ?? "",
		filters: scope.filterConfigs(cluster.typedPerFilterConfig, at.field("clusters").index(i)),
	}));
}
