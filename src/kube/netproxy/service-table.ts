import { CLUSTER_DOMAIN } from "../../lib/names.ts";
import type { EndpointSlice, Service } from "../client/service.ts";

/** Where a connection goes. */
export interface Target {
	readonly address: string;
	readonly port: number;
}

/** One port of a Service with the endpoints that may get connections now. */
export interface TablePort {
	readonly name: string;
	readonly port: number;
	readonly nodePort: number | undefined;
	readonly protocol: string;
	readonly targets: readonly Target[];
}

/** A Service as this node's networking sees it. */
export interface TableService {
	readonly object: Service;
	readonly name: string;
	readonly namespace: string;
	/** Undefined for headless and ExternalName Services. */
	readonly clusterIp: string | undefined;
	readonly externalName: string | undefined;
	readonly ports: readonly TablePort[];
	/** Addresses that a headless Service's name stands for, with their host names. */
	readonly hosts: readonly { readonly address: string; readonly hostname: string | undefined }[];
}

/** All Services, by `namespace/name`. */
export type ServiceTable = ReadonlyMap<string, TableService>;

const SERVICE_LABEL = "kubernetes.io/service-name";

/** Joins Services with their EndpointSlices. Pure: the same objects give the same table. */
export function serviceTable(services: readonly Service[], slices: readonly EndpointSlice[]): ServiceTable {
	const byService = new Map<string, EndpointSlice[]>();
	for (const slice of slices) {
		const key = `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_LABEL]}`;
		const list = byService.get(key) ?? [];
		byService.set(key, list);
		list.push(slice);
	}
	return new Map(
		services.map((service) => {
			const key = `${service.metadata.namespace}/${service.metadata.name}`;
			return [key, tableService(service, byService.get(key) ?? [])];
		}),
	);
}

function tableService(service: Service, slices: readonly EndpointSlice[]): TableService {
	const { spec, metadata } = service;
	const isExternal = spec.type === "ExternalName";
	const hasIp = !isExternal && spec.clusterIP !== undefined && spec.clusterIP !== "" && spec.clusterIP !== "None";
	return {
		object: service,
		name: metadata.name ?? "",
		namespace: metadata.namespace ?? "",
		clusterIp: hasIp ? spec.clusterIP : undefined,
		externalName: isExternal ? spec.externalName : undefined,
		ports: (spec.ports ?? []).map((port) => ({
			name: port.name ?? "",
			port: port.port,
			nodePort: port.nodePort,
			protocol: port.protocol ?? "TCP",
			targets: targetsOf(port.name ?? "", slices),
		})),
		hosts: slices.flatMap(usable).flatMap(({ addresses: [address = ""], hostname }) => ({ address, hostname })),
	};
}

function targetsOf(portName: string, slices: readonly EndpointSlice[]): Target[] {
	return slices.flatMap((slice) => {
		const port = slice.ports?.find(({ name = "" }) => name === portName)?.port;
		if (port === undefined) return [];
		return usable(slice).map(({ addresses: [address = ""] }) => ({ address, port }));
	});
}

/** Ready endpoints; when a slice has none but some that still serve while they end, those (kube-proxy's rule). */
function usable({ endpoints, addressType }: EndpointSlice) {
	const all = addressType === "IPv4" ? (endpoints ?? []) : [];
	const ready = all.filter(({ conditions }) => conditions.ready !== false);
	return ready.length > 0 ? ready : all.filter(({ conditions }) => conditions.serving && conditions.terminating);
}

/**
 * The Service that a name means for someone in `namespace`: short names by the search list that pods have, and the full
 * forms. The rest of a longer name (`web-0.` of a headless Service) is `host`.
 */
export function findService(
	table: ServiceTable,
	name: string,
	namespace: string,
): { service: TableService; host: string | undefined } | undefined {
	const absolute = name.toLowerCase().replace(/\.$/, "");
	const suffixes = [`.svc.${CLUSTER_DOMAIN}`, ".svc"];
	const suffix = suffixes.find((candidate) => absolute.endsWith(candidate));
	const labels = (suffix === undefined ? absolute : absolute.slice(0, -suffix.length)).split(".");
	const at = (ns: string | undefined, svc: string | undefined, host: readonly string[]) => {
		const service = table.get(`${ns}/${svc}`);
		return service && { service, host: host.length > 0 ? host.join(".") : undefined };
	};
	// host.svc.ns, svc.ns, and (short only) svc.
	const own = suffix === undefined && labels.length === 1 ? at(namespace, labels[0], []) : undefined;
	return own ?? (labels.length >= 2 ? at(labels.at(-1), labels.at(-2), labels.slice(0, -2)) : undefined);
}
