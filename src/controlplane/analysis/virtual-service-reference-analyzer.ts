import { destinationRuleFor } from "../model/destination-rule-lookup.ts";
import { intersectHosts } from "../model/host-name.ts";
import { servicePort } from "../model/service.ts";
import { serviceView } from "../model/service-lookup.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { type Destination, MESH_GATEWAY, type VirtualService } from "../model/virtual-service.ts";
import type { AnalysisMessage } from "./analysis-message.ts";
import type { AnalysisInput } from "./analyzer.ts";

/** IST0101 and IST0132: hosts, ports, subsets and gateways that a VirtualService names and that are not there. */
export function virtualServiceReferenceAnalyzer({ snapshot }: AnalysisInput): readonly AnalysisMessage[] {
	return snapshot.virtualServices.flatMap((vs) => [
		...destinationsOf(vs).flatMap(({ destination, word }) => missingParts(vs, destination, { word, snapshot })),
		...vs.gateways.flatMap((reference) => checkGateway(vs, reference, snapshot)),
	]);
}

function destinationsOf(vs: VirtualService): { destination: Destination; word: string }[] {
	return vs.http.flatMap((rule) => [
		...rule.route.map(({ destination }) => ({ destination, word: "host" })),
		...rule.mirrors.map(({ destination }) => ({ destination, word: "mirror host" })),
	]);
}

function missingParts(
	vs: VirtualService,
	{ host, port, subset }: Destination,
	{ word, snapshot }: { word: string; snapshot: Snapshot },
): AnalysisMessage[] {
	const { namespace } = vs.meta;
	const service = serviceView(snapshot, namespace).find(host);
	if (!service) return [notFound(vs, word, host)];
	if (port !== undefined && !servicePort(service, port)) return [notFound(vs, "host:port", `${host}:${port}`)];
	if (subset === "") return [];
	const rule = destinationRuleFor(snapshot, { namespace, labels: {} }, service);
	if (rule?.subsets.some((s) => s.name === subset)) return [];
	const reference = word === "host" ? "host+subset in destinationrule" : "mirror+subset in destinationrule";
	return [notFound(vs, reference, `${host}+${subset}`)];
}

function checkGateway(vs: VirtualService, reference: string, { gateways }: Snapshot): AnalysisMessage[] {
	if (reference === MESH_GATEWAY) return [];
	const gateway = gateways.find((g) => `${g.meta.namespace}/${g.meta.name}` === reference);
	if (!gateway) return [notFound(vs, "gateway", reference)];
	const hosts = gateway.servers.flatMap((server) => server.hosts.map(({ host }) => host));
	// A gateway whose servers are all refused has its own message.
	if (hosts.length === 0 || vs.hosts.some((own) => hosts.some((h) => intersectHosts(own, h)))) return [];
	const text = `none of the hosts ${vs.hosts.join(", ")} is a host of the gateway ${reference}`;
	return [{ code: "IST0132", level: "Warning", resource: refOf(vs), text }];
}

function notFound(vs: VirtualService, kind: string, value: string): AnalysisMessage {
	return { code: "IST0101", level: "Error", resource: refOf(vs), text: `Referenced ${kind} not found: "${value}"` };
}

function refOf({ meta: { kind, namespace, name } }: VirtualService) {
	return { kind, namespace, name };
}
