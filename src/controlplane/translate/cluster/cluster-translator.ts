import type { Problem } from "../../../lib/problem.ts";
import type { Cluster } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { destinationRuleFor } from "../../model/destination-rule-lookup.ts";
import { IdentityMemo } from "../../model/identity-memo.ts";
import type { MeshConfig } from "../../model/mesh-config.ts";
import type { Service, ServicePort } from "../../model/service.ts";
import { serviceView } from "../../model/service-lookup.ts";
import { endpointsOf, type Snapshot } from "../../model/snapshot.ts";
import { type ClientClass, clientClass } from "../client-class.ts";
import type { ConnectedProxy } from "../connected-proxy.ts";
import { type InboundPort, inboundPorts } from "../inbound-ports.ts";
import { http2Problem, speaksHttp2Upstream, withoutHttp2 } from "../upstream-protocol.ts";
import { type AcceptableCluster, acceptableCluster } from "./acceptable-cluster.ts";
import { canResolveNames, dynamicForwardCluster } from "./dynamic-forward-cluster.ts";
import { blackHoleCluster, inboundCluster } from "./local-clusters.ts";
import { passthroughCluster, podAddressDomain } from "./passthrough-cluster.ts";

interface Outbound {
	readonly clusters: readonly Cluster[];
	readonly problems: readonly Problem[];
}

/** All clusters of a proxy; clusters are shared between proxies that see the same service and rule. */
export class ClusterTranslator {
	readonly #clusters = new IdentityMemo<Cluster | undefined>();
	readonly #outboundClusters = new IdentityMemo<AcceptableCluster>();
	readonly #problems = new Map<string, Problem>();
	readonly #outbound = new IdentityMemo<Outbound>();

	generate(proxy: ConnectedProxy, snapshot: Snapshot): readonly Cluster[] {
		const { mesh } = snapshot;
		const outbound = this.#outboundOf(clientClass(proxy, snapshot), snapshot);
		const blackHole = this.#cluster("black-hole", [mesh], () => blackHoleCluster(mesh));
		const clusters = [...outbound, blackHole, ...this.#localOf(proxy, snapshot)];
		return clusters.filter((c) => c !== undefined);
	}

	problems(): readonly Problem[] {
		return [...this.#problems.values()];
	}

	sweep(): void {
		this.#problems.clear();
		this.#clusters.sweep();
		this.#outboundClusters.sweep();
		this.#outbound.sweep();
	}

	#localOf(proxy: ConnectedProxy, snapshot: Snapshot): readonly (Cluster | undefined)[] {
		if (proxy.role !== "sidecar") return [];
		const { mesh } = snapshot;
		const inbound = inboundPorts(proxy, snapshot).map((port) => this.#inbound(proxy, port, mesh));
		if (mesh.outboundTrafficPolicy !== "ALLOW_ANY") return inbound;
		if (canResolveNames(proxy.extensions))
			return [...inbound, this.#cluster("dynamic", [mesh], () => dynamicForwardCluster(mesh))];
		if (podAddressDomain(proxy, mesh) === undefined) return inbound;
		return [...inbound, this.#cluster("passthrough", [mesh], () => passthroughCluster(mesh))];
	}

	#inbound(proxy: ConnectedProxy, port: InboundPort, mesh: MeshConfig): Cluster | undefined {
		const protocol = speaksHttp2Upstream(proxy.extensions) ? port.protocol : (withoutHttp2(port.protocol) ?? "TCP");
		return this.#cluster(`${proxy.id}|${proxy.appIp}|${port.number}|${protocol}`, [mesh, port.service], () =>
			inboundCluster(proxy, { ...port, protocol }, mesh),
		);
	}

	#outboundOf(client: ClientClass, snapshot: Snapshot): readonly Cluster[] {
		const { services, destinationRules, mesh, endpoints } = snapshot;
		// Only services resolved by name carry their endpoints inside the cluster.
		const inline = services.some((s) => s.registry === "ServiceEntry") ? endpoints : undefined;
		const { clusters, problems } = this.#outbound.get(client.key, [services, destinationRules, mesh, inline], () => {
			const found: Problem[] = [];
			const own = serviceView(snapshot, client.namespace).services.filter((s) => s.aliasOf === undefined);
			const of = (service: Service, port: ServicePort) =>
				this.#portClusters(service, port, { client, snapshot, problems: found });
			return { clusters: own.flatMap((s) => s.ports.flatMap((p) => of(s, p))), problems: found };
		});
		for (const p of problems) this.#problems.set(`${p.path} ${p.message}`, p);
		return clusters;
	}

	#portClusters(
		service: Service,
		port: ServicePort,
		{ client, snapshot, problems }: { client: ClientClass; snapshot: Snapshot; problems: Problem[] },
	): readonly Cluster[] {
		const http2 = speaksHttp2Upstream(client.extensions);
		const protocol = http2 ? port.protocol : withoutHttp2(port.protocol);
		if (protocol !== port.protocol) problems.push(http2Problem(service.hostname, port.number, port.protocol));
		if (!protocol) return [];
		const rule = destinationRuleFor(snapshot, client, service);
		const endpoints = service.resolution === "EDS" ? [] : endpointsOf(snapshot, service.hostname);
		const inPort = endpoints.filter((e) => e.servicePort === port.number);
		if (service.resolution !== "EDS" && inPort.length === 0) inPort.push(...hostItself(service, port));
		const subsets = [undefined, ...(rule?.subsets ?? [])];
		const made = subsets.map((subset) => {
			const key = [
				service.hostname,
				service.meta.namespace,
				port.number,
				subset?.name,
				protocol,
				rule?.meta.namespace,
				rule?.meta.name,
				client.check.userAgent,
				http2,
			];
			const target = { service, port: { ...port, protocol }, subset, rule, endpoints: inPort, http2 };
			return this.#outboundClusters.get(key.join("|"), [service, rule, subset, snapshot.mesh, ...endpoints], () =>
				acceptableCluster(target, snapshot.mesh, client.check),
			);
		});
		problems.push(...made.flatMap((m) => m.problems));
		return made.flatMap((m) => m.cluster ?? []);
	}

	#cluster(key: string, deps: readonly unknown[], compute: () => Cluster | undefined): Cluster | undefined {
		return this.#clusters.get(key, deps, compute);
	}
}

/** A DNS service without endpoints is looked up by its own name (istio-traffic-api.md 4). */
function hostItself(service: Service, port: ServicePort) {
	if (service.hostname.startsWith("*")) return [];
	const targetPort = typeof port.targetPort === "number" ? port.targetPort : port.number;
	return [
		{
			address: service.hostname,
			port: targetPort,
			servicePort: port.number,
			labels: {},
			locality: { region: "", zone: "", subzone: "" },
			health: "healthy" as const,
			tlsMode: "disabled" as const,
			weight: 1,
			workload: undefined,
		},
	];
}
