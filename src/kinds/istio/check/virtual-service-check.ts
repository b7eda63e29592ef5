import { fieldPath } from "../../../lib/field-path.ts";
import type { CheckContext, Findings } from "../../define-kind.ts";
import type { VirtualServiceSpec } from "../virtual-service-spec.ts";
import { checkGatewayName, MESH } from "./gateway-name.ts";
import { hostsOverlap, isIpAddress, isWildcardDomain } from "./host-names.ts";
import { checkHttpRoutes } from "./http-route-check.ts";
import { checkTcpRoutes, checkTlsRoutes } from "./l4-route-check.ts";
import { checkExportTo } from "./primitives.ts";
import { Report } from "./report.ts";
import type { RouteScope } from "./route-scope.ts";

/** Istio's semantic rules for VirtualServices (validation reference 9.1). */
export function checkVirtualService(spec: VirtualServiceSpec, context: CheckContext): Findings {
	const report = new Report();
	const path = fieldPath("spec");
	const gateways = spec.gateways ?? [];
	const atMesh = gateways.length === 0 || gateways.includes(MESH);
	const hosts = spec.hosts ?? [];
	if (spec.hosts !== undefined && hosts.length === 0)
		report.error(
			"LTN1302",
			path.field("hosts"),
			"the list is empty, so no request ever comes here",
			"name the hosts, or leave the field out of a delegate",
		);
	else if (hosts.length === 0) checkDelegate(spec, report);
	checkHosts(hosts, atMesh, report);
	for (const [i, gateway] of gateways.entries())
		checkGatewayName(gateway, path.field("gateways").index(i).toString(), report);
	if (ruleCount(spec) === 0) report.error("LTN1301", path, "there is no rule", "add http, tls or tcp rules");
	const scope: RouteScope = { hosts, atMesh, isDelegate: hosts.length === 0, strict: context.strict };
	checkHttpRoutes(spec.http ?? [], scope, report);
	checkTlsRoutes(spec.tls ?? [], scope, report);
	checkTcpRoutes(spec.tcp ?? [], scope, report);
	const visibility = { namespace: context.metadata.namespace, allowNobody: false };
	checkExportTo(spec.exportTo, visibility, path.field("exportTo"), report);
	return report;
}

function ruleCount({ http = [], tls = [], tcp = [] }: VirtualServiceSpec): number {
	return http.length + tls.length + tcp.length;
}

function checkDelegate(spec: VirtualServiceSpec, report: Report): void {
	for (const name of ["gateways", "tls", "tcp"] as const) {
		if ((spec[name] ?? []).length > 0)
			report.error(
				"LTN1302",
				`spec.${name}`,
				`a VirtualService without hosts is a delegate and cannot have ${name}`,
				"add hosts",
			);
	}
}

function checkHosts(hosts: readonly string[], atMesh: boolean, report: Report): void {
	const path = fieldPath("spec").field("hosts");
	for (const [i, host] of hosts.entries()) {
		if (host === "*" && atMesh)
			report.error(
				"LTN1101",
				path.index(i),
				"the host * is not possible for sidecars",
				"name a host, or bind to gateways only",
			);
		else if (!isWildcardDomain(host) && !isIpAddress(host) && !isSniHost(host))
			report.error("LTN1101", path.index(i), `${JSON.stringify(host)} is no valid host`, hostFix(host));
		const other = hosts.slice(0, i).find((earlier) => hostsOverlap(earlier, host));
		if (other !== undefined)
			report.error(
				"LTN1303",
				path.index(i),
				`${host} overlaps with ${other} in the same VirtualService`,
				"keep one of them",
			);
	}
}

function hostFix(host: string): string {
	return host.includes("/")
		? "address blocks go into tcp[].match[].destinationSubnets"
		: "use a DNS name, a wildcard such as *.foo.com, or an IP address";
}

/** Host names of SNI-routed gateways: `outbound_.80_._.reviews.default.svc.cluster.local`. */
function isSniHost(host: string): boolean {
	return /^outbound_\.\d+_\..*_\.(.+)$/.test(host) && isWildcardDomain(host.replace(/^outbound_\.\d+_\..*_\./, ""));
}
