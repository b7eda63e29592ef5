import type { FieldPath } from "../../lib/field-path.ts";
import { unpackAs } from "../../xds/any.ts";
import {
	type Route,
	RouteListSchema,
	RouteSchema,
} from "../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { Matcher } from "../../xds/generated/xds/type/matcher/v3/matcher_pb.ts";
import type { CompileScope } from "./compile-scope.ts";
import type { CompiledRoute } from "./compiled-route.ts";
import type { MatchInput } from "./match/match-input.ts";
import { buildRouteIndex, type RouteIndex } from "./match/route-index.ts";

/** Where a virtual host finds its routes. */
export type FindRoute = (input: MatchInput) => CompiledRoute | undefined;

/** Compiles a virtual host's `matcher`: its leaves are routes, or lists of routes, whose own conditions still count. */
export function compileRouteMatcher(
	matcher: Matcher,
	at: FieldPath,
	scope: CompileScope,
	compile: (route: Route, at: FieldPath) => CompiledRoute | undefined,
): FindRoute {
	const { compileMatcher } = scope.deps;
	if (!compileMatcher) throw new Error("nobody compiles the matchers of virtual hosts");
	const find = compileMatcher(matcher, at, {
		problems: scope.problems,
		compileAction(action, actionAt): RouteIndex<CompiledRoute> | undefined {
			const route = unpackAs(action, RouteSchema);
			const list = route ? [route] : unpackAs(action, RouteListSchema)?.routes;
			if (!list) {
				scope.problems.notImplemented(actionAt, `the action ${action?.typeUrl || "without a type"}`);
				return undefined;
			}
			return buildRouteIndex(
				list.flatMap((one, i) => compile(one, route ? actionAt : actionAt.field("routes").index(i)) ?? []),
			);
		},
	});
	return (input) => find(input)?.find(input);
}
