import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import type { TcpRoute, TlsRoute } from "../virtual-service-spec.ts";
import { checkDestinations } from "./destination-check.ts";
import { hostIsWithin, isCidrOrIp, isIpAddress, isWildcardDomain } from "./host-names.ts";
import { checkSources } from "./http-match-check.ts";
import { checkLabels, checkPort } from "./primitives.ts";
import type { Report } from "./report.ts";
import type { RouteScope } from "./route-scope.ts";
import { warnAfterCatchAll } from "./route-shadowing.ts";

type L4Match = NonNullable<TcpRoute["match"]>[number];

/** All `spec.tls` rules. */
export function checkTlsRoutes(routes: readonly TlsRoute[], scope: RouteScope, report: Report): void {
	const path = fieldPath("spec").field("tls");
	for (const [i, route] of routes.entries()) {
		const at = path.index(i);
		if ((route.match ?? []).length === 0)
			report.error("LTN1316", at.field("match"), "a tls rule needs a match with sniHosts");
		for (const [j, match] of (route.match ?? []).entries()) {
			const matchAt = at.field("match").index(j);
			checkL4Match(match, matchAt, report);
			checkSniHosts(match.sniHosts ?? [], scope, matchAt.field("sniHosts"), report);
		}
		checkL4Destinations(route, scope, at, report);
	}
}

/** All `spec.tcp` rules. */
export function checkTcpRoutes(routes: readonly TcpRoute[], scope: RouteScope, report: Report): void {
	const path = fieldPath("spec").field("tcp");
	for (const [i, route] of routes.entries()) {
		const at = path.index(i);
		for (const [j, match] of (route.match ?? []).entries()) {
			const matchAt = at.field("match").index(j);
			checkL4Match(match, matchAt, report);
			if (match.sourceSubnet)
				report.error("LTN1115", matchAt.field("sourceSubnet"), "sourceSubnet is not supported by any proxy");
		}
		checkL4Destinations(route, scope, at, report);
	}
	warnAfterCatchAll(routes, path, report);
}

function checkL4Destinations(route: TcpRoute | TlsRoute, scope: RouteScope, path: FieldPath, report: Report): void {
	if ((route.route ?? []).length === 0) report.error("LTN1305", path.field("route"), "the rule has no destination");
	checkDestinations(route.route ?? [], scope, path.field("route"), report);
}

function checkL4Match(match: L4Match, path: FieldPath, report: Report): void {
	for (const [i, subnet] of (match.destinationSubnets ?? []).entries())
		if (!isCidrOrIp(subnet))
			report.error(
				"LTN1111",
				path.field("destinationSubnets").index(i),
				`${JSON.stringify(subnet)} is no address or CIDR block`,
			);
	if (match.port !== undefined && match.port !== 0) checkPort(match.port, path.field("port"), report);
	checkLabels(match.sourceLabels, path.field("sourceLabels"), report);
	checkSources(match, path, report);
}

function checkSniHosts(hosts: readonly string[], scope: RouteScope, path: FieldPath, report: Report): void {
	if (hosts.length === 0) report.error("LTN1316", path, "a tls match needs at least one server name");
	for (const [i, host] of hosts.entries()) {
		const at = path.index(i);
		if (isIpAddress(host)) report.warn("LTN1316", at, `${host} is an address; clients send names in SNI`);
		else if (!isWildcardDomain(host)) report.error("LTN1101", at, `${JSON.stringify(host)} is no valid server name`);
		if (!scope.hosts.some((outer) => hostIsWithin(host, outer)))
			report.error(
				"LTN1316",
				at,
				`${host} is not covered by the hosts of the VirtualService (${scope.hosts.join(", ")})`,
				"add it to spec.hosts",
			);
	}
}
