import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import type { Findings } from "../../define-kind.ts";
import type { WorkloadEntrySpec } from "../workload-entry-spec.ts";
import type { WorkloadGroupSpec } from "../workload-group-spec.ts";
import { isFqdn, isIpAddress } from "./host-names.ts";
import { checkCounts, checkLabels, checkPort } from "./primitives.ts";
import { Report } from "./report.ts";

/** Istio's semantic rules for WorkloadEntries (validation reference 9.5). */
export function checkWorkloadEntry(spec: WorkloadEntrySpec): Findings {
	const report = new Report();
	const path = fieldPath("spec");
	checkAddress(spec, path, report);
	checkTemplate(spec, path, report);
	return report;
}

function checkAddress({ address = "", network, ports = {} }: WorkloadEntrySpec, path: FieldPath, report: Report): void {
	const at = path.field("address");
	if (address === "") {
		if (network) report.warn("LTN1601", at, "without an address traffic goes by the network's gateway");
		else report.error("LTN1601", at, "the entry has neither address nor network");
	} else if (address.startsWith("unix://")) {
		if (!/^unix:\/\/(\/.+[^/]|@.+)$/.test(address))
			report.error("LTN1111", at, `${address} is no absolute path of a socket`);
		if (Object.keys(ports).length > 0) report.error("LTN1601", path.field("ports"), "a unix socket has no ports");
	} else if (!isIpAddress(address) && !isFqdn(address)) {
		report.error("LTN1601", at, `${JSON.stringify(address)} is neither an IP address nor a DNS name`);
	}
}

function checkTemplate(spec: WorkloadEntrySpec, path: FieldPath, report: Report): void {
	checkLabels(spec.labels, path.field("labels"), report);
	for (const [name, port] of Object.entries(spec.ports ?? {})) {
		const at = path.field("ports").key(name);
		if (name === "") report.error("LTN1601", at, "a port name is empty");
		checkPort(port, at, report);
	}
}

/** Istio's semantic rules for WorkloadGroups (validation reference 9.5). */
export function checkWorkloadGroup(spec: WorkloadGroupSpec): Findings {
	const report = new Report();
	const path = fieldPath("spec");
	checkLabels(spec.metadata?.labels, path.field("metadata").field("labels"), report);
	checkTemplate(spec.template, path.field("template"), report);
	if (spec.probe) checkProbe(spec.probe, path.field("probe"), report);
	return report;
}

type Probe = NonNullable<WorkloadGroupSpec["probe"]>;

const PROBE_COUNTS = ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"];

function checkProbe(probe: Probe, path: FieldPath, report: Report): void {
	checkCounts(probe, PROBE_COUNTS, path, report);
	const { httpGet, tcpSocket, exec, grpc } = probe;
	if (!httpGet && !tcpSocket && !exec && !grpc)
		report.error("LTN1602", path, "the probe does not say how to probe", "add httpGet, tcpSocket, exec or grpc");
	if (httpGet) checkHttpGet(httpGet, path.field("httpGet"), report);
	if (tcpSocket) checkPort(tcpSocket.port, path.field("tcpSocket").field("port"), report);
	if (grpc) checkPort(grpc.port, path.field("grpc").field("port"), report);
	if (exec && exec.command.length === 0)
		report.error("LTN1602", path.field("exec").field("command"), "the command is empty");
}

function checkHttpGet(httpGet: NonNullable<Probe["httpGet"]>, path: FieldPath, report: Report): void {
	checkPort(httpGet.port, path.field("port"), report);
	const { scheme } = httpGet;
	if (scheme && scheme !== "HTTP" && scheme !== "HTTPS")
		report.error("LTN1602", path.field("scheme"), `scheme ${scheme} is neither HTTP nor HTTPS`);
	for (const [i, { name = "" }] of (httpGet.httpHeaders ?? []).entries())
		if (!/^[-A-Za-z0-9]+$/.test(name))
			report.error(
				"LTN1109",
				path.field("httpHeaders").index(i).field("name"),
				`${JSON.stringify(name)} is no header name`,
			);
}
