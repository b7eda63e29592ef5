import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import type { CheckContext, Findings } from "../../define-kind.ts";
import type { ServiceEntrySpec } from "../service-entry-spec.ts";
import { isCidrOrIp, isFqdn, isIpAddress, isPartialWildcard, isWildcard, isWildcardDomain } from "./host-names.ts";
import { isHttpProtocol, isKnownProtocol, isTlsProtocol } from "./port-protocols.ts";
import { checkExportTo, checkLabels, checkPort, checkSelector, isPort } from "./primitives.ts";
import { Report } from "./report.ts";

type Ports = NonNullable<ServiceEntrySpec["ports"]>;
type Endpoint = NonNullable<ServiceEntrySpec["endpoints"]>[number];

const PATH = fieldPath("spec");

/** Istio's semantic rules for ServiceEntries (validation reference 9.4). */
export function checkServiceEntry(spec: ServiceEntrySpec, context: CheckContext): Findings {
	const report = new Report();
	checkHosts(spec, report);
	checkAddresses(spec, report);
	checkPorts(spec.ports ?? [], report);
	if (spec.workloadSelector) checkSelector(spec.workloadSelector.labels, PATH.field("workloadSelector"), report);
	RESOLUTION[spec.resolution ?? "NONE"](spec, report);
	checkOpaquePorts(spec, report);
	const visibility = { namespace: context.metadata.namespace, allowNobody: true };
	checkExportTo(spec.exportTo, visibility, PATH.field("exportTo"), report);
	return report;
}

function checkHosts({ hosts, resolution }: ServiceEntrySpec, report: Report): void {
	for (const [i, host] of hosts.entries()) {
		const at = PATH.field("hosts").index(i);
		if (host === "*")
			report.error("LTN1651", at, "the host * is not possible", "name the service, or a domain such as *.foo.com");
		else if (!isWildcardDomain(host)) report.error("LTN1101", at, `${JSON.stringify(host)} is no valid host`);
		else if (isPartialWildcard(host) && resolution !== "DYNAMIC_DNS")
			report.warn("LTN1651", at, `${host} has a wildcard for part of a label`);
	}
}

function checkAddresses({ addresses = [], resolution = "NONE" }: ServiceEntrySpec, report: Report): void {
	for (const [i, address] of addresses.entries()) {
		const at = PATH.field("addresses").index(i);
		if (!isCidrOrIp(address)) report.error("LTN1111", at, `${JSON.stringify(address)} is no address or CIDR block`);
		else if (address.includes("/") && resolution !== "NONE" && resolution !== "STATIC")
			report.error("LTN1111", at, `CIDR blocks need resolution NONE or STATIC, not ${resolution}`);
	}
}

function checkPorts(ports: Ports, report: Report): void {
	const names = new Set<string>();
	const numbers = new Set<number>();
	for (const [i, port] of ports.entries()) {
		const at = PATH.field("ports").index(i);
		if (port.name === "") report.error("LTN1652", at.field("name"), "the port has no name");
		else if (names.has(port.name))
			report.error("LTN1652", at.field("name"), `the port name ${port.name} is there twice`);
		if (numbers.has(port.number)) report.error("LTN1652", at.field("number"), `port ${port.number} is there twice`);
		names.add(port.name);
		numbers.add(port.number);
		if (!isPort(port.number)) report.error("LTN1102", at.field("number"), `port ${port.number} is not in 1..65535`);
		if (port.protocol && !isKnownProtocol(port.protocol))
			report.error("LTN1652", at.field("protocol"), `${JSON.stringify(port.protocol)} is no known protocol`);
		if (port.targetPort !== undefined && port.targetPort !== 0)
			checkPort(port.targetPort, at.field("targetPort"), report);
	}
}

/** Opaque ports are told apart by address only, so several hosts on one would be one. */
function checkOpaquePorts(spec: ServiceEntrySpec, report: Report): void {
	const { hosts, addresses = [], ports = [], resolution = "NONE" } = spec;
	if (addresses.length > 0 || resolution === "NONE" || hosts.length < 2) return;
	for (const [i, { protocol = "" }] of ports.entries()) {
		if (!isHttpProtocol(protocol) && !isTlsProtocol(protocol))
			report.error(
				"LTN1653",
				PATH.field("ports").index(i),
				"several hosts cannot share a port that is neither HTTP nor TLS",
				"make one ServiceEntry per host, or give addresses",
			);
	}
}

const RESOLUTION: Readonly<
	Record<NonNullable<ServiceEntrySpec["resolution"]>, (spec: ServiceEntrySpec, report: Report) => void>
> = {
	NONE: checkNone,
	STATIC: (spec, report) => checkEndpoints(spec, checkStaticEndpoint, report),
	DNS: checkDns,
	DNS_ROUND_ROBIN: checkDns,
	DYNAMIC_DNS: checkDynamicDns,
};

function checkNone({ endpoints = [], workloadSelector }: ServiceEntrySpec, report: Report): void {
	if (endpoints.length > 0)
		report.error(
			"LTN1654",
			PATH.field("endpoints"),
			"resolution NONE keeps the dialled address, so endpoints have no meaning",
			"use STATIC or DNS",
		);
	if (workloadSelector)
		report.warn(
			"LTN1654",
			PATH.field("workloadSelector"),
			"resolution NONE keeps the dialled address, so the selector has no effect",
			"use STATIC or DNS",
		);
}

type EndpointCheck = (endpoint: Endpoint, path: FieldPath, report: Report) => void;

function checkEndpoints(spec: ServiceEntrySpec, check: EndpointCheck, report: Report): void {
	const names = new Set((spec.ports ?? []).map(({ name }) => name));
	for (const [i, endpoint] of (spec.endpoints ?? []).entries()) {
		const at = PATH.field("endpoints").index(i);
		check(endpoint, at, report);
		checkLabels(endpoint.labels, at.field("labels"), report);
		for (const [name, port] of Object.entries(endpoint.ports ?? {})) {
			if (!names.has(name))
				report.error("LTN1655", at.field("ports").key(name), `the service has no port named ${name}`);
			checkPort(port, at.field("ports").key(name), report);
		}
		const isUnix = endpoint.address?.startsWith("unix://");
		if (isUnix && (spec.ports ?? []).length !== 1)
			report.error("LTN1655", at.field("address"), "a unix socket serves exactly one service port");
	}
}

function checkStaticEndpoint({ address = "", ports = {}, network }: Endpoint, path: FieldPath, report: Report): void {
	if (address.startsWith("unix://")) {
		if (!/^unix:\/\/(\/.+[^/]|@.+)$/.test(address))
			report.error("LTN1111", path.field("address"), `${address} is no absolute path of a socket`);
		if (Object.keys(ports).length > 0) report.error("LTN1655", path.field("ports"), "a unix socket has no ports");
	} else if (!isIpAddress(address) && !(address === "" && network)) {
		report.error(
			"LTN1655",
			path.field("address"),
			`${JSON.stringify(address)} is no IP address`,
			"use resolution DNS for names",
		);
	}
}

function checkDns(spec: ServiceEntrySpec, report: Report): void {
	const { endpoints = [], hosts, resolution } = spec;
	if (endpoints.length === 0 && !spec.workloadSelector) {
		for (const [i, host] of hosts.entries())
			if (isWildcard(host) || !isFqdn(host))
				report.error(
					"LTN1656",
					PATH.field("hosts").index(i),
					`${host} cannot be looked up in DNS`,
					"name endpoints, or use resolution NONE or DYNAMIC_DNS",
				);
	}
	if (resolution === "DNS_ROUND_ROBIN" && endpoints.length > 1)
		report.error("LTN1656", PATH.field("endpoints"), "DNS_ROUND_ROBIN takes at most one endpoint");
	checkEndpoints(spec, checkNamedEndpoint, report);
}

function checkNamedEndpoint({ address = "", network }: Endpoint, path: FieldPath, report: Report): void {
	if (!isFqdn(address) && !isIpAddress(address) && !(address === "" && network))
		report.error(
			"LTN1655",
			path.field("address"),
			`${JSON.stringify(address)} is neither a DNS name nor an IP address`,
		);
}

const DYNAMIC_PROTOCOLS = new Set(["HTTP", "TLS", "GRPC", "HTTP2"]);

function checkDynamicDns(
	{ hosts, addresses = [], endpoints = [], ports = [] }: ServiceEntrySpec,
	report: Report,
): void {
	for (const [i, host] of hosts.entries())
		if (!isWildcard(host))
			report.error("LTN1657", PATH.field("hosts").index(i), "DYNAMIC_DNS is for wildcard hosts", "use resolution DNS");
	if (addresses.length > 0) report.error("LTN1657", PATH.field("addresses"), "DYNAMIC_DNS takes no addresses");
	if (endpoints.length > 0) report.error("LTN1657", PATH.field("endpoints"), "DYNAMIC_DNS takes no endpoints");
	for (const [i, { protocol = "" }] of ports.entries())
		if (!DYNAMIC_PROTOCOLS.has(protocol.toUpperCase()))
			report.error(
				"LTN1657",
				PATH.field("ports").index(i).field("protocol"),
				`DYNAMIC_DNS needs HTTP, TLS, GRPC or HTTP2, not ${protocol || "no protocol"}`,
			);
}
