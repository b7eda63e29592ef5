import { create } from "@bufbuild/protobuf";
import { type Problem, problem } from "../../../lib/problem.ts";
import type { Metadata } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { MetadataSchema } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { type Route, RouteSchema } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { labelsMatch } from "../../model/config-object.ts";
import { type HttpMatch, type HttpRule, MESH_GATEWAY, type VirtualService } from "../../model/virtual-service.ts";
import { configPath } from "../config-path.ts";
import { filterOverrides } from "./filter-overrides.ts";
import { headerFields } from "./header-mutation.ts";
import { directResponseAction, redirectAction } from "./redirect-action.ts";
import { forwardAction, type Share, sharesOf } from "./route-action.ts";
import { isCatchAll, routeMatch } from "./route-match.ts";
import { type RouteScope, resolveDestination } from "./translation-scope.ts";

/**
 * The routes that a VirtualService gives one listener: one per match block, in order, static conditions applied, ending with the first that
 * takes every request. Empty when none applies, and then the rule does not count at all (istio-traffic-api.md 1.2).
 */
export function virtualServiceRoutes(vs: VirtualService, scope: RouteScope): readonly Route[] {
	const routes: Route[] = [];
	for (const rule of vs.http) {
		for (const route of ruleRoutes(vs, rule, scope)) {
			routes.push(route);
			if (isCatchAll(route.match!)) return routes;
		}
	}
	return routes;
}

/** The routes of one rule, one per match block that can apply here. */
function* ruleRoutes(vs: VirtualService, rule: HttpRule, scope: RouteScope): Generator<Route> {
	const blocks: readonly (HttpMatch | undefined)[] = rule.match.length === 0 ? [undefined] : rule.match;
	for (const match of blocks) {
		if (match && !appliesStatically(match, scope)) continue;
		const route = ruleRoute(vs, { rule, match }, scope);
		if (route && !isRefused(route, vs, rule, scope)) yield route;
	}
}

/** A route that the proxy would refuse is left out: it would take every other route with it. */
function isRefused(route: Route, vs: VirtualService, rule: HttpRule, { check, report }: RouteScope): boolean {
	const refusals = check.route(route);
	for (const { path, message } of refusals)
		report(
			problem("LTN3725", ruleAt(vs, rule), `the proxy cannot do this (${path}: ${message}); the rule is left out`),
		);
	return refusals.length > 0;
}

function appliesStatically(match: HttpMatch, scope: RouteScope): boolean {
	if (match.port !== 0 && match.port !== scope.listenerPort) return false;
	// When a block names gateways they are its only source test (istio-traffic-api.md 1.3).
	if (match.gateways.length > 0) return match.gateways.some((g) => scope.gateways.has(g));
	if (match.sourceNamespace !== "" && match.sourceNamespace !== scope.namespace) return false;
	return labelsMatch(match.sourceLabels, scope.labels);
}

interface RuleMatch {
	readonly rule: HttpRule;
	readonly match: HttpMatch | undefined;
}

function ruleRoute(vs: VirtualService, { rule, match }: RuleMatch, scope: RouteScope): Route | undefined {
	const filters = filterOverrides(rule);
	for (const name of Object.keys(filters)) {
		if (scope.extensions.has(name)) continue;
		delete filters[name];
		scope.report(missingFilter(vs, rule, name));
	}
	const shares = sharesOf(rule.route);
	const action = ruleAction(rule, shares, scope);
	if (!action) return undefined;
	const single = shares.length === 1 ? shares[0]!.destination : undefined;
	return create(RouteSchema, {
		name: match?.name ? `${rule.name}.${match.name}` : rule.name,
		match: routeMatch(match),
		action,
		...headerFields(rule.headers, single?.headers),
		typedPerFilterConfig: filters,
		decorator: action.case === "route" ? { operation: operationName(vs, { rule, match }, shares, scope) } : undefined,
		metadata: routeMetadata(vs, shares, scope),
		statPrefix: match?.statPrefix ?? "",
	});
}

function ruleAction(rule: HttpRule, shares: readonly Share[], scope: RouteScope): Route["action"] | undefined {
	if (rule.redirect) return { case: "redirect", value: redirectAction(rule.redirect, scope.listenerPort) };
	if (rule.directResponse) return { case: "directResponse", value: directResponseAction(rule.directResponse) };
	if (shares.length === 0) return undefined;
	return { case: "route", value: forwardAction(rule, shares, scope) };
}

/** Tracing's name for the operation (istio-traffic-api.md 10.2). */
function operationName(vs: VirtualService, { match }: RuleMatch, shares: readonly Share[], scope: RouteScope): string {
	const path = pathText(match);
	if (shares.length > 1) return `${vs.meta.name}:${scope.listenerPort}${path}`;
	const { host, port } = resolveDestination(shares[0]!.destination.destination, scope);
	return `${host}:${port}${path}`;
}

function pathText(match: HttpMatch | undefined): string {
	const uri = match?.uri;
	if (!uri || uri.kind === "present") return "/*";
	return uri.kind === "prefix" ? `${uri.value}*` : uri.value;
}

function routeMetadata(vs: VirtualService, shares: readonly Share[], { snapshot }: RouteScope): Metadata {
	const weightedFailover = shares.length > 1 && snapshot.mesh.weightedFailover;
	return create(MetadataSchema, {
		filterMetadata: {
			istio: { config: configPath(vs.meta) },
			...(weightedFailover && { lateen: { weighted_failover: true } }),
		},
	});
}

/** True when a VirtualService is for sidecars. */
export function isMeshBound(vs: VirtualService): boolean {
	return vs.gateways.includes(MESH_GATEWAY);
}

function missingFilter(vs: VirtualService, rule: HttpRule, name: string): Problem {
	const what = `the proxy does not have the filter ${name} that this rule needs; it routes without it`;
	return problem("LTN3723", ruleAt(vs, rule), what);
}

function ruleAt(vs: VirtualService, rule: HttpRule): string {
	return `VirtualService/${vs.meta.namespace}/${vs.meta.name} spec.http[${vs.http.indexOf(rule)}]`;
}
