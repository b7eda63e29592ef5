import type { Answer, Question } from "dns-packet";
import { CLUSTER_DOMAIN } from "../../lib/names.ts";
import { findService, type ServiceTable, type TableService } from "./service-table.ts";

/** What a question is answered with; `exists` is false for NXDOMAIN. */
export interface DnsAnswer {
	readonly exists: boolean;
	readonly answers: readonly Answer[];
}

const TTL_SECONDS = 5;
const ZONE = `.${CLUSTER_DOMAIN}`;
const NOTHING: DnsAnswer = { exists: false, answers: [] };

/**
 * Kubernetes' DNS (its specification 1.1.0): A for Services, headless Services and pods, SRV for named ports, CNAME for
 * ExternalName, PTR for Services. Names outside the cluster do not exist here: nothing is asked beyond this machine.
 */
export function answerQuestion(table: ServiceTable, { name, type }: Question): DnsAnswer {
	const asked = name.toLowerCase();
	if (type === "PTR") return pointer(table, asked);
	if (!asked.endsWith(ZONE)) return NOTHING;
	const pod = /^(\d+-\d+-\d+-\d+)\.[^.]+\.pod\./.exec(asked);
	if (pod) return found(type === "A" ? [address(asked, pod[1]!.replaceAll("-", "."))] : []);
	const srv = /^_([^.]+)\._(tcp|udp)\.(.+)$/.exec(asked);
	if (srv) return service(table, asked, srv[3]!, (target) => ports(target, asked, srv[1]!, srv[2]!.toUpperCase()));
	return service(table, asked, asked, (target, host) => addresses(target, host, asked, type));
}

function found(answers: readonly Answer[]): DnsAnswer {
	return { exists: true, answers };
}

function service(
	table: ServiceTable,
	asked: string,
	name: string,
	answer: (target: TableService, host: string | undefined) => readonly Answer[] | undefined,
): DnsAnswer {
	if (!asked.endsWith(`.svc${ZONE}`)) return NOTHING;
	const match = findService(table, name, "");
	const answers = match && answer(match.service, match.host);
	return answers === undefined ? NOTHING : found(answers);
}

function addresses(target: TableService, host: string | undefined, name: string, type: string): Answer[] | undefined {
	if (target.externalName !== undefined)
		return host === undefined ? [{ type: "CNAME", name, ttl: TTL_SECONDS, data: target.externalName }] : undefined;
	if (target.clusterIp !== undefined) {
		if (host !== undefined) return undefined;
		return type === "A" ? [address(name, target.clusterIp)] : [];
	}
	const hosts = target.hosts.filter(({ hostname }) => host === undefined || hostname === host);
	// A headless Service without ready pods has no addresses: its name does not exist (CoreDNS answers so).
	if (hosts.length === 0) return undefined;
	return type === "A" ? hosts.map((each) => address(name, each.address)) : [];
}

function ports(target: TableService, name: string, portName: string, protocol: string): Answer[] | undefined {
	const port = target.ports.find((each) => each.name === portName && each.protocol === protocol);
	if (!port) return undefined;
	const host = `${target.name}.${target.namespace}.svc${ZONE}`;
	return [{ type: "SRV", name, ttl: TTL_SECONDS, data: { port: port.port, weight: 100, priority: 0, target: host } }];
}

function pointer(table: ServiceTable, asked: string): DnsAnswer {
	const ip = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/.exec(asked)?.slice(1).reverse().join(".");
	const target = ip && [...table.values()].find(({ clusterIp }) => clusterIp === ip);
	if (!target) return NOTHING;
	const data = `${target.name}.${target.namespace}.svc${ZONE}`;
	return found([{ type: "PTR", name: asked, ttl: TTL_SECONDS, data }]);
}

function address(name: string, ip: string): Answer {
	return { type: "A", name, ttl: TTL_SECONDS, data: ip };
}
