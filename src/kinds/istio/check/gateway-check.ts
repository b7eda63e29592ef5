import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import type { CheckContext, Findings } from "../../define-kind.ts";
import type { GatewayServer, GatewaySpec } from "../gateway-spec.ts";
import { isDnsLabel, isIpAddress, isPartialWildcard, isWildcardDomain } from "./host-names.ts";
import { isKnownProtocol } from "./port-protocols.ts";
import { checkSelector, isPort } from "./primitives.ts";
import { Report } from "./report.ts";
import { checkServerTls } from "./server-tls-check.ts";

const HTTP_PLAIN = new Set(["HTTP", "HTTP2", "GRPC", "GRPC-WEB"]);
const TLS_PROTOCOLS = new Set(["HTTPS", "TLS"]);

/** Istio's semantic rules for Gateways (validation reference 9.3). */
export function checkGateway(spec: GatewaySpec, context: CheckContext): Findings {
	const report = new Report();
	const path = fieldPath("spec");
	const { name } = context.metadata;
	if (name && !isDnsLabel(name))
		report.error(
			"LTN1106",
			"metadata.name",
			`${JSON.stringify(name)} is no gateway name`,
			"use letters, digits and hyphens",
		);
	if (spec.selector) checkSelector(spec.selector, path.field("selector"), report);
	const servers = spec.servers ?? [];
	if (servers.length === 0) report.error("LTN1401", path.field("servers"), "the gateway opens no port", "add servers");
	const names = new Set<string>();
	for (const [i, server] of servers.entries()) {
		const at = path.field("servers").index(i);
		checkServer(server, at, report);
		if (names.has(server.port.name))
			report.error(
				"LTN1402",
				at.field("port").field("name"),
				`the port name ${server.port.name} is there twice`,
				"give each port its own name",
			);
		names.add(server.port.name);
	}
	return report;
}

function checkServer(server: GatewayServer, path: FieldPath, report: Report): void {
	checkServerPort(server, path, report);
	if (server.defaultEndpoint)
		report.error("LTN1115", path.field("defaultEndpoint"), "defaultEndpoint is not supported by any proxy");
	if (server.hosts.length === 0)
		report.error("LTN1403", path.field("hosts"), "the server has no hosts", "write * for all");
	for (const [i, host] of server.hosts.entries()) checkServerHost(host, path.field("hosts").index(i), report);
	checkTlsFits(server, path, report);
}

function checkServerPort({ port, bind = "" }: GatewayServer, path: FieldPath, report: Report): void {
	const at = path.field("port");
	const isUnix = bind.startsWith("unix://");
	if (port.name === "") report.error("LTN1402", at.field("name"), "the port has no name");
	if (!isKnownProtocol(port.protocol))
		report.error(
			"LTN1404",
			at.field("protocol"),
			`${JSON.stringify(port.protocol)} is no protocol that gateways know`,
			"HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, MONGO, TCP or TLS",
		);
	if (isUnix ? port.number !== 0 : !isPort(port.number))
		report.error(
			"LTN1102",
			at.field("number"),
			isUnix ? "a unix socket has port 0" : `port ${port.number} is not in 1..65535`,
		);
	if (port.targetPort !== undefined && port.targetPort !== 0)
		report.error(
			"LTN1115",
			at.field("targetPort"),
			"targetPort is not used at gateways",
			"it comes from the gateway's Service",
		);
	if (isUnix ? !bind.startsWith("unix:///") && !bind.startsWith("unix://@") : bind !== "" && !isIpAddress(bind))
		report.error("LTN1111", path.field("bind"), `${JSON.stringify(bind)} is neither an address nor a unix:// path`);
}

function checkServerHost(text: string, path: FieldPath, report: Report): void {
	const parts = text.split("/");
	const host = parts.at(-1)!;
	const namespace = parts.length === 2 ? parts[0]! : "*";
	if (parts.length > 2 || (namespace !== "*" && namespace !== "." && !isDnsLabel(namespace)))
		report.error("LTN1403", path, `${JSON.stringify(text)} is not namespace/host`);
	const isShort = host !== "*" && !host.includes(".") && !isIpAddress(host);
	if (isShort)
		report.error("LTN1403", path, `short names such as ${host} are not possible at gateways`, "write the full name");
	else if (isPartialWildcard(host))
		report.error("LTN1403", path, `${host} has a wildcard for part of a label`, "write *. and the domain");
	else if (host !== "*" && !isWildcardDomain(host) && !isIpAddress(host))
		report.error("LTN1403", path, `${JSON.stringify(host)} is no valid host`);
}

function checkTlsFits({ port, tls }: GatewayServer, path: FieldPath, report: Report): void {
	const protocol = port.protocol.toUpperCase();
	const at = path.field("tls");
	if (TLS_PROTOCOLS.has(protocol)) {
		if (tls) checkServerTls(tls, at, report);
		else report.error("LTN1405", at, `a ${protocol} server needs tls settings`, "set tls.mode and a certificate");
	} else if (tls) {
		checkPlainServerTls(protocol, tls, at, report);
	}
	if (tls?.httpsRedirect && !HTTP_PLAIN.has(protocol))
		report.warn("LTN1405", at.field("httpsRedirect"), "httpsRedirect works on plain HTTP servers only");
}

/** A plain HTTP server may redirect to https; beyond that plain servers have no TLS settings. */
function checkPlainServerTls(
	protocol: string,
	tls: NonNullable<GatewayServer["tls"]>,
	path: FieldPath,
	report: Report,
): void {
	const { httpsRedirect: _, ...rest } = tls;
	if (Object.keys(rest).length === 0) return;
	const besides = HTTP_PLAIN.has(protocol) ? " besides httpsRedirect" : "";
	report.error("LTN1405", path, `a ${protocol} server cannot have tls settings${besides}`, "use protocol HTTPS or TLS");
}
