import type { KubeObject } from "../../kinds/object.ts";
import { fieldPath } from "../../lib/field-path.ts";
import { ObjectReader, ProblemSink } from "./object-reader.ts";
import { type Endpoint, NO_LOCALITY, type Service } from "./service.ts";
import { type Workload, workloadKey } from "./workload.ts";

const TLS_MODE = "security.istio.io/tlsMode";

interface SlicePort {
	readonly name: string;
	readonly number: number;
}

interface SliceAddress {
	readonly addresses: readonly string[];
	readonly ready: boolean;
	readonly terminating: boolean;
	readonly podName: string;
	readonly podNamespace: string;
}

/**
 * The endpoints that EndpointSlices give a Service: one for each ready address and port. Unready ones come only for
 * Services that publish them; terminating ones not at all.
 */
export function sliceEndpoints(
	service: Service,
	slices: readonly KubeObject[],
	workloads: ReadonlyMap<string, Workload>,
): readonly Endpoint[] {
	const found = new Map<string, Endpoint>();
	for (const slice of slices) {
		const { ports, addresses } = readSlice(slice);
		for (const entry of addresses) {
			if (!entry.ready && !service.publishNotReady) continue;
			if (entry.terminating && !entry.ready) continue;
			for (const endpoint of endpointsOfAddress(service, ports, entry, workloads))
				found.set(`${endpoint.address}:${endpoint.port}:${endpoint.servicePort}`, endpoint);
		}
	}
	return Object.freeze([...found.values()].sort(compareEndpoints));
}

/** A fixed order, so that the same endpoints always make the same bytes. */
function compareEndpoints(a: Endpoint, b: Endpoint): number {
	if (a.address !== b.address) return a.address < b.address ? -1 : 1;
	return a.servicePort - b.servicePort || a.port - b.port;
}

function endpointsOfAddress(
	service: Service,
	ports: readonly SlicePort[],
	entry: SliceAddress,
	workloads: ReadonlyMap<string, Workload>,
): Endpoint[] {
	const workload = workloads.get(workloadKey(entry.podNamespace, entry.podName));
	return service.ports.flatMap((servicePort) => {
		const port = ports.find((p) => p.name === servicePort.name);
		if (!port) return [];
		return entry.addresses.map(
			(address): Endpoint => ({
				address,
				port: port.number,
				servicePort: servicePort.number,
				labels: workload?.labels ?? {},
				locality: workload?.locality ?? NO_LOCALITY,
				health: entry.ready ? "healthy" : "unready",
				tlsMode: workload?.labels[TLS_MODE] === "istio" ? "istio" : "disabled",
				weight: 1,
				workload: workload?.identity,
			}),
		);
	});
}

function readSlice(slice: KubeObject): { ports: readonly SlicePort[]; addresses: readonly SliceAddress[] } {
	const r = new ObjectReader(slice, fieldPath(), new ProblemSink(true));
	const namespace = slice.metadata.namespace ?? "";
	return {
		ports: r.list("ports", (p) => ({ name: p.string("name") ?? "", number: p.number("port") ?? 0 })),
		addresses: r.list("endpoints", (e) => {
			const conditions = e.object("conditions", (c) => ({
				// Absent means ready (discovery.k8s.io/v1).
				ready: c.boolean("ready") ?? true,
				terminating: c.boolean("terminating") ?? false,
			}));
			const target = e.object("targetRef", (t) => ({
				name: t.string("kind") === "Pod" ? (t.string("name") ?? "") : "",
				namespace: t.string("namespace") ?? namespace,
			}));
			return {
				addresses: e.strings("addresses"),
				ready: conditions?.ready ?? true,
				terminating: conditions?.terminating ?? false,
				podName: target?.name ?? "",
				podNamespace: target?.namespace ?? namespace,
			};
		}),
	};
}
