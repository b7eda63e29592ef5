import { labelsMatch } from "../model/config-object.ts";
import type { Gateway, Server, ServerHost } from "../model/gateway.ts";
import type { AnalysisMessage } from "./analysis-message.ts";
import type { AnalysisInput } from "./analyzer.ts";

/** IST0145: Gateways that one proxy serves claim the same host on the same port; routes bound to either reach it. */
export function gatewayConflictAnalyzer(input: AnalysisInput): readonly AnalysisMessage[] {
	const { gateways } = input.snapshot;
	return gateways.flatMap((gateway) => {
		const rivals = gateways.filter((other) => other !== gateway && shareProxy(gateway, other, input));
		return gateway.servers.flatMap((server) => conflict(gateway, server, rivals));
	});
}

function conflict(gateway: Gateway, server: Server, rivals: readonly Gateway[]): readonly AnalysisMessage[] {
	const found = rivals.filter((other) => sharedHosts(server, other).length > 0);
	if (found.length === 0) return [];
	const { kind, namespace, name } = gateway.meta;
	const names = found.map(({ meta }) => `${meta.namespace}/${meta.name}`).sort();
	const selector = Object.entries(gateway.selector ?? {}).map(([key, value]) => `${key}=${value}`);
	const hosts = [...new Set(found.flatMap((other) => sharedHosts(server, other)))];
	const text = `Conflict with gateways ${names.join(",")} (workload selector ${selector.join(",")}, port ${server.port}, hosts ${hosts.join(",")})`;
	return [{ code: "IST0145", level: "Warning", resource: { kind, namespace, name }, text }];
}

/** Hosts of a server that a Gateway's servers at the same place have too. */
function sharedHosts(server: Server, other: Gateway): string[] {
	const rivals = other.servers.filter(({ port, bind }) => port === server.port && bind === server.bind);
	const taken = rivals.flatMap(({ hosts }) => hosts);
	return server.hosts.filter((own) => taken.some((host) => sameHost(own, host))).map(({ host }) => host);
}

/** The same host for routes of some namespace. */
function sameHost(a: ServerHost, b: ServerHost): boolean {
	return a.host === b.host && (a.namespace === "*" || b.namespace === "*" || a.namespace === b.namespace);
}

/** True when both select the same labels, or some pod that is there. */
function shareProxy(a: Gateway, b: Gateway, { snapshot }: AnalysisInput): boolean {
	const one = a.selector ?? {};
	const two = b.selector ?? {};
	if (JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(two).sort())) return true;
	return [...snapshot.workloads.values()].some((w) => labelsMatch(one, w.labels) && labelsMatch(two, w.labels));
}
