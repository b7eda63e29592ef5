import type { AddressPlan } from "../../lib/address-plan.ts";
import type { ServiceTable, TableService, Target } from "./service-table.ts";

/** A listening socket that should be open. */
export interface Door {
	/** `127.1.128.2:9080` */
	readonly key: string;
	readonly address: string;
	readonly port: number;
	readonly kind: "ClusterIP" | "LoadBalancer" | "NodePort";
	readonly service: TableService;
	readonly targets: readonly Target[];
}

/** Where a browser finds NodePorts. */
const BROWSER_ADDRESS = "127.0.0.1";

/** The doors that Services ask for: TCP only, and only on addresses of this mesh's block. */
export function doorPlan(table: ServiceTable, plan: AddressPlan): Map<string, Door> {
	const doors = [...table.values()].flatMap((service) => doorsOf(service, plan));
	// The first Service keeps an address and port that two ask for; the API server hands none out twice.
	return new Map(doors.reverse().map((door) => [door.key, door]));
}

function doorsOf(service: TableService, plan: AddressPlan): Door[] {
	const ports = service.ports.filter(({ protocol }) => protocol === "TCP");
	return ports.flatMap(({ port, nodePort, targets }) => {
		const door = (kind: Door["kind"], address: string, at: number): Door => {
			return { key: `${address}:${at}`, address, port: at, kind, service, targets };
		};
		const { clusterIp } = service;
		const own = clusterIp !== undefined && plan.contains(clusterIp) ? [door("ClusterIP", clusterIp, port)] : [];
		const balanced = loadBalancerAddresses(service, plan).map((address) => door("LoadBalancer", address, port));
		const nodes = nodePort !== undefined && hasNodePorts(service) ? [BROWSER_ADDRESS, plan.nodeIp] : [];
		return [...own, ...balanced, ...nodes.map((address) => door("NodePort", address, nodePort ?? 0))];
	});
}

function hasNodePorts({ object }: TableService): boolean {
	return object.spec.type === "NodePort" || object.spec.type === "LoadBalancer";
}

function loadBalancerAddresses({ object }: TableService, plan: AddressPlan): string[] {
	if (object.spec.type !== "LoadBalancer") return [];
	const addresses = (object.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
	return addresses.filter((ip) => plan.contains(ip));
}
