import type { ClusterLookup, Host } from "../../cluster/cluster.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import { type WorkloadMetadata, workloadOfEndpoint } from "../workload-metadata.ts";
import type { IstioLabel } from "./istio-families.ts";

export type Labels = Partial<Record<IstioLabel, string>>;

/** Cluster names that stand for destinations without a service. */
const NO_SERVICE_CLUSTERS = new Set([
	"BlackHoleCluster",
	"PassthroughCluster",
	"InboundPassthroughCluster",
	"InboundPassthroughClusterIpv4",
	"InboundPassthroughClusterIpv6",
]);
/** Istio's catch-all virtual hosts name their routes so. */
const NO_SERVICE_ROUTES: Readonly<Record<string, string>> = {
	block_all: "BlackHoleCluster",
	allow_any: "PassthroughCluster",
};

const orUnknown = (value: string | undefined) => value || "unknown";
const orLatest = (value: string | undefined) => value || "latest";

/** The labels that say who one end is. */
export function workloadLabels(side: "source" | "destination", workload: WorkloadMetadata | undefined): Labels {
	const version = workload?.version;
	return {
		[`${side}_workload`]: orUnknown(workload?.workload),
		[`${side}_workload_namespace`]: orUnknown(workload?.namespace),
		[`${side}_principal`]: "unknown",
		[`${side}_app`]: orUnknown(workload?.app),
		[`${side}_version`]: orUnknown(version),
		[`${side}_canonical_service`]: orUnknown(workload?.canonicalName),
		[`${side}_canonical_revision`]: orLatest(workload?.canonicalRevision),
		[`${side}_cluster`]: orUnknown(workload?.cluster),
	};
}

/** The requested service: host and name; empty when nothing says. */
export interface ServiceName {
	readonly host: string;
	readonly name: string;
}

/** From the cluster's metadata `istio.services`; `fallbackHost` is the Host header where that may stand in, else empty. */
export function requestedService(info: StreamInfo, clusters: ClusterLookup, fallbackHost: string): ServiceName {
	const special = NO_SERVICE_ROUTES[info.routeName ?? ""];
	if (special) return { host: fallbackHost, name: special };
	const cluster = info.upstreamCluster ?? "";
	if (NO_SERVICE_CLUSTERS.has(cluster)) return { host: fallbackHost, name: cluster };
	const service = firstService(clusters.get(cluster)?.info.metadata.istio?.services);
	const host = service?.host ?? fallbackHost;
	return { host, name: service ? service.name || host.split(".", 1)[0]! : fallbackHost };
}

function firstService(services: unknown): ServiceName | undefined {
	const first: unknown = Array.isArray(services) ? services[0] : undefined;
	if (typeof first !== "object" || first === null) return undefined;
	const { host, name } = first as Record<string, unknown>;
	return typeof host === "string" ? { host, name: typeof name === "string" ? name : "" } : undefined;
}

/** The endpoint that the request went to, if it is still there. */
export function upstreamHostOf(info: StreamInfo, clusters: ClusterLookup): Host | undefined {
	if (info.upstreamHost === undefined || info.upstreamCluster === undefined) return undefined;
	return clusters
		.get(info.upstreamCluster)
		?.hosts()
		.find((host) => host.address === info.upstreamHost);
}

/** The workload behind an endpoint by its metadata. */
export function endpointWorkload(host: Host | undefined): WorkloadMetadata | undefined {
	return workloadOfEndpoint(host?.metadata.istio?.workload);
}
