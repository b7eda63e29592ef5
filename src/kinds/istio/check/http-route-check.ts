import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import type { HttpRoute } from "../virtual-service-spec.ts";
import { checkDestination, checkDestinations } from "./destination-check.ts";
import {
	checkCors,
	checkDirectResponse,
	checkFault,
	checkMirrors,
	checkRedirect,
	checkRetries,
	checkRewrite,
} from "./http-action-check.ts";
import { checkHttpMatch } from "./http-match-check.ts";
import { checkDuration, checkHeaderOperations } from "./primitives.ts";
import type { Report } from "./report.ts";
import type { RouteScope } from "./route-scope.ts";
import { warnOfShadowedRules } from "./route-shadowing.ts";

/** All `spec.http` rules. */
export function checkHttpRoutes(routes: readonly HttpRoute[], scope: RouteScope, report: Report): void {
	const path = fieldPath("spec").field("http");
	for (const [i, route] of routes.entries()) checkHttpRoute(route, scope, path.index(i), report);
	warnOfShadowedRules(routes, path, report);
}

function checkHttpRoute(route: HttpRoute, scope: RouteScope, path: FieldPath, report: Report): void {
	checkActions(route, scope, path, report);
	for (const [i, match] of (route.match ?? []).entries())
		checkHttpMatch(match, scope, path.field("match").index(i), report);
	checkDestinations(route.route ?? [], scope, path.field("route"), report);
	for (const [i, { headers }] of (route.route ?? []).entries())
		checkHeaders(headers, path.field("route").index(i).field("headers"), report);
	checkHeaders(route.headers, path.field("headers"), report);
	checkAuthorityOnce(route, path, report);
	checkDuration(route.timeout, path.field("timeout"), report);
	if (route.redirect) checkRedirect(route, path, report);
	if (route.directResponse) checkDirectResponse(route.directResponse, path.field("directResponse"), report);
	if (route.rewrite) checkRewrite(route.rewrite, path.field("rewrite"), report);
	if (route.retries) checkRetries(route.retries, path.field("retries"), report);
	if (route.fault) checkFault(route.fault, path.field("fault"), report);
	if (route.corsPolicy) checkCors(route.corsPolicy, path.field("corsPolicy"), report);
	checkMirrors(route, path, report);
	if (route.mirror) checkDestination(route.mirror, path.field("mirror"), report);
}

/** Pairs of members that exclude each other. */
const EXCLUSIVE: readonly (readonly [keyof HttpRoute, keyof HttpRoute])[] = [
	["redirect", "route"],
	["redirect", "fault"],
	["redirect", "rewrite"],
	["redirect", "directResponse"],
	["directResponse", "route"],
	["directResponse", "fault"],
	["directResponse", "rewrite"],
	["delegate", "redirect"],
	["delegate", "route"],
	["mirror", "mirrors"],
];

function isSet(value: unknown): boolean {
	return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null;
}

function checkActions(route: HttpRoute, scope: RouteScope, path: FieldPath, report: Report): void {
	for (const [a, b] of EXCLUSIVE)
		if (isSet(route[a]) && isSet(route[b]))
			report.error("LTN1306", path, `${a} and ${b} cannot stand in one rule`, `keep ${a} or ${b}`);
	if (isSet(route.delegate) && scope.isDelegate)
		report.error("LTN1302", path.field("delegate"), "a delegate cannot delegate again", "delegation has one level");
	const hasAction = (["route", "redirect", "directResponse", "delegate"] as const).some((name) => isSet(route[name]));
	if (!hasAction)
		report.error(
			"LTN1305",
			path,
			"the rule says what to match but not what to do",
			"add route, redirect or directResponse",
		);
}

function checkHeaders(headers: HttpRoute["headers"], path: FieldPath, report: Report): void {
	checkHeaderOperations(headers?.request, true, path.field("request"), report);
	checkHeaderOperations(headers?.response, false, path.field("response"), report);
}

/** The host may be rewritten in one way only. */
function checkAuthorityOnce(route: HttpRoute, path: FieldPath, report: Report): void {
	const request = route.headers?.request;
	const names = (operations: Readonly<Record<string, string>> | undefined) =>
		Object.keys(operations ?? {}).filter((name) => ["host", ":authority"].includes(name.toLowerCase()));
	const ways = [
		...(route.rewrite?.authority ? ["rewrite.authority"] : []),
		...names(request?.set).map((name) => `headers.request.set[${name}]`),
		...names(request?.add).map((name) => `headers.request.add[${name}]`),
	];
	if (ways.length > 1) report.error("LTN1306", path, `the host is rewritten by ${ways.join(" and ")}`, "keep one");
}
