import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import type { Findings } from "../../define-kind.ts";
import type { SidecarSpec } from "../sidecar-spec.ts";
import { checkConnectionPool } from "./connection-pool-check.ts";
import { isDnsLabel, isIpAddress, isPartialWildcard, isWildcardDomain } from "./host-names.ts";
import { isHttpProtocol, isKnownProtocol, isTlsProtocol } from "./port-protocols.ts";
import { checkSelector, checkServiceHost, isPort } from "./primitives.ts";
import { Report } from "./report.ts";
import { checkServerTls } from "./server-tls-check.ts";

type Ingress = NonNullable<SidecarSpec["ingress"]>[number];
type Egress = NonNullable<SidecarSpec["egress"]>[number];

const PATH = fieldPath("spec");

/** Istio's semantic rules for Sidecars (validation reference 9.6). */
export function checkSidecar(spec: SidecarSpec): Findings {
	const report = new Report();
	const { ingress = [], egress = [] } = spec;
	if (ingress.length + egress.length === 0 && !spec.outboundTrafficPolicy && !spec.inboundConnectionPool)
		report.error(
			"LTN1701",
			PATH,
			"the Sidecar says nothing",
			"add egress, ingress, outboundTrafficPolicy or inboundConnectionPool",
		);
	if (spec.workloadSelector) checkSelector(spec.workloadSelector.labels, PATH.field("workloadSelector"), report);
	checkIngresses(ingress, report);
	checkEgresses(egress, report);
	if (spec.inboundConnectionPool)
		checkConnectionPool(spec.inboundConnectionPool, PATH.field("inboundConnectionPool"), report);
	checkOutboundPolicy(spec.outboundTrafficPolicy, report);
	return report;
}

function checkIngresses(list: readonly Ingress[], report: Report): void {
	const ports = new Set<number | undefined>();
	for (const [i, ingress] of list.entries()) {
		const at = PATH.field("ingress").index(i);
		const { number } = ingress.port;
		checkListenerPort(ingress.port, false, at.field("port"), report);
		if (ports.has(number)) report.error("LTN1702", at.field("port").field("number"), `port ${number} is there twice`);
		ports.add(number);
		if (ingress.bind && !isIpAddress(ingress.bind))
			report.error("LTN1111", at.field("bind"), `${JSON.stringify(ingress.bind)} is no IP address`);
		checkDefaultEndpoint(ingress.defaultEndpoint, at.field("defaultEndpoint"), report);
		if (ingress.tls) checkIngressTls(ingress, at, report);
		if (ingress.connectionPool) checkConnectionPool(ingress.connectionPool, at.field("connectionPool"), report);
		if (ingress.connectionPool?.http && !isHttpProtocol(ingress.port.protocol ?? ""))
			report.warn(
				"LTN1702",
				at.field("connectionPool").field("http"),
				"the port is not HTTP, so HTTP limits have no effect",
			);
	}
}

function checkListenerPort(port: Ingress["port"], allowZero: boolean, path: FieldPath, report: Report): void {
	if (!port.name) report.error("LTN1702", path.field("name"), "the port has no name");
	if (!isKnownProtocol(port.protocol ?? ""))
		report.error("LTN1702", path.field("protocol"), `${JSON.stringify(port.protocol ?? "")} is no known protocol`);
	if (port.targetPort) report.error("LTN1115", path.field("targetPort"), "targetPort is not used in Sidecars");
	if (!isPort(port.number) && !(allowZero && (port.number ?? 0) === 0))
		report.error("LTN1102", path.field("number"), `port ${port.number ?? 0} is not in 1..65535`);
}

const DEFAULT_ENDPOINT = /^(?:(?:127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\])?:(\d+)|unix:\/\/.+)$/;

function checkDefaultEndpoint(endpoint: string | undefined, path: FieldPath, report: Report): void {
	if (!endpoint) return;
	const match = DEFAULT_ENDPOINT.exec(endpoint);
	if (!match || (match[1] !== undefined && !isPort(Number(match[1]))))
		report.error(
			"LTN1703",
			path,
			`${JSON.stringify(endpoint)} is no default endpoint`,
			"write 127.0.0.1:port, 0.0.0.0:port or unix://path",
		);
}

function checkIngressTls({ port, tls = {} }: Ingress, path: FieldPath, report: Report): void {
	const at = path.field("tls");
	if (!isTlsProtocol(port.protocol ?? "")) report.error("LTN1704", at, "tls needs a port with protocol HTTPS or TLS");
	for (const name of [
		"httpsRedirect",
		"credentialName",
		"credentialNames",
		"tlsCertificates",
		"subjectAltNames",
	] as const)
		if (tls[name]) report.error("LTN1704", at.field(name), `${name} is not possible in a Sidecar`);
	if (tls.mode === "ISTIO_MUTUAL" || tls.mode === "AUTO_PASSTHROUGH")
		report.error("LTN1704", at.field("mode"), `mode ${tls.mode} is not possible in a Sidecar`);
	else checkServerTls(tls, at, report);
}

function checkEgresses(list: readonly Egress[], report: Report): void {
	const seen = new Set<string>();
	for (const [i, egress] of list.entries()) {
		const at = PATH.field("egress").index(i);
		const key = isUnixBind(egress) ? egress.bind! : String(egress.port?.number ?? "all ports");
		if (seen.has(key)) report.error("LTN1705", at, `there are two egress listeners for ${key}`);
		seen.add(key);
		if (!egress.port && i < list.length - 1)
			report.error("LTN1705", at, "the listener without a port must be the last one");
		checkEgressListener(egress, at, report);
		checkEgressHosts(egress.hosts, at.field("hosts"), report);
	}
}

const isUnixBind = ({ bind = "" }: Egress) => bind.startsWith("unix://");

function checkEgressListener(egress: Egress, path: FieldPath, report: Report): void {
	const isUnix = isUnixBind(egress);
	if (egress.port) checkListenerPort(egress.port, isUnix, path.field("port"), report);
	if (isUnix && egress.captureMode === "IPTABLES")
		report.error("LTN1705", path.field("captureMode"), "a unix socket cannot capture traffic");
	if (egress.bind && !isUnix && !isIpAddress(egress.bind))
		report.error(
			"LTN1111",
			path.field("bind"),
			`${JSON.stringify(egress.bind)} is neither an address nor a unix:// path`,
		);
}

function checkEgressHosts(hosts: readonly string[], path: FieldPath, report: Report): void {
	if (hosts.length === 0) report.error("LTN1706", path, "the listener reaches nothing", "write */* for all services");
	for (const [i, entry] of hosts.entries()) {
		const at = path.index(i);
		if (hosts.indexOf(entry) < i) report.warn("LTN1706", at, `${entry} is there twice`);
		const [namespace = "", host, ...rest] = entry.split("/");
		const plainNamespace = namespace.replace(/^~(?=.)/, "");
		if (host === undefined || rest.length > 0)
			report.error(
				"LTN1706",
				at,
				`${JSON.stringify(entry)} is not namespace/host`,
				`write ./${entry} for the own namespace`,
			);
		else if (!["*", ".", "~"].includes(plainNamespace) && !isDnsLabel(plainNamespace))
			report.error("LTN1706", at, `${JSON.stringify(namespace)} is no namespace`);
		else checkEgressHost(host, at, report);
	}
}

function checkEgressHost(host: string, path: FieldPath, report: Report): void {
	if (host === "*") return;
	if (isPartialWildcard(host) || !isWildcardDomain(host))
		report.error("LTN1706", path, `${JSON.stringify(host)} is no valid host`);
	else if (!host.includes("."))
		report.error("LTN1706", path, `short names such as ${host} are not possible here`, "write the full name");
}

function checkOutboundPolicy(policy: SidecarSpec["outboundTrafficPolicy"], report: Report): void {
	const at = PATH.field("outboundTrafficPolicy");
	if (policy?.mode === "ALLOW_ANY_DYNAMIC_DNS")
		report.error("LTN1115", at.field("mode"), "ALLOW_ANY_DYNAMIC_DNS is not possible in a Sidecar");
	const proxy = policy?.egressProxy;
	if (!proxy) return;
	if (policy.mode !== "ALLOW_ANY") report.error("LTN1707", at.field("egressProxy"), "egressProxy needs mode ALLOW_ANY");
	checkServiceHost(proxy.host, false, at.field("egressProxy").field("host"), report);
	if (!isPort(proxy.port?.number))
		report.error("LTN1102", at.field("egressProxy").field("port"), "egressProxy needs a port");
}
