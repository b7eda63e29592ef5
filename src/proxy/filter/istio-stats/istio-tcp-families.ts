import type { Metrics } from "../../../telemetry/metric-registry.ts";
import type { Counter, Family } from "../../../telemetry/metrics.ts";
import type { ClusterLookup } from "../../cluster/cluster.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import { DOWNSTREAM_PEER, UPSTREAM_PEER } from "../filter-state-keys.ts";
import type { WorkloadMetadata } from "../workload-metadata.ts";
import { ISTIO_LABELS } from "./istio-families.ts";
import { endpointWorkload, type Labels, requestedService, upstreamHostOf, workloadLabels } from "./peer-labels.ts";

/** What a connection has no value for. */
const OF_REQUESTS: ReadonlySet<string> = new Set(["response_code", "grpc_response_status"]);
const TCP_LABELS = ISTIO_LABELS.filter((name) => !OF_REQUESTS.has(name));

/** Istio's standard metrics for TCP; sent is towards the client, received from it. */
export interface IstioTcpFamilies {
	readonly opened: Family<Counter>;
	readonly closed: Family<Counter>;
	readonly sentBytes: Family<Counter>;
	readonly receivedBytes: Family<Counter>;
}

/** Registers the families; once per process. */
export function istioTcpFamilies(metrics: Pick<Metrics, "counterFamily">): IstioTcpFamilies {
	const counter = (name: string, help: string) => metrics.counterFamily({ name, help, labels: TCP_LABELS });
	return {
		opened: counter("istio_tcp_connections_opened_total", "Connections that were opened"),
		closed: counter("istio_tcp_connections_closed_total", "Connections that have ended"),
		sentBytes: counter("istio_tcp_sent_bytes_total", "Bytes sent to clients"),
		receivedBytes: counter("istio_tcp_received_bytes_total", "Bytes received from clients"),
	};
}

/** Who reports. */
export interface TcpReporter {
	readonly direction: "inbound" | "outbound";
	readonly node: WorkloadMetadata;
	readonly clusters: ClusterLookup;
}

/** The values of a connection's labels, in the families' order. */
export function tcpLabelValues(info: StreamInfo, { direction, node, clusters }: TcpReporter): string[] {
	const inbound = direction === "inbound";
	const service = requestedService(info, clusters, "");
	const peer = peerOf(info, inbound, clusters);
	const tls = inbound ? info.connection?.tls : undefined;
	const unknownService = inbound ? node.canonicalName : "";
	const labels: Labels = {
		reporter: inbound ? "destination" : "source",
		...workloadLabels(inbound ? "destination" : "source", node),
		...workloadLabels(inbound ? "source" : "destination", peer),
		connection_security_policy: inbound ? "none" : "unknown",
		...(tls?.peer && {
			connection_security_policy: "mutual_tls",
			source_principal: tls.peer.uriSans[0] ?? "unknown",
			destination_principal: tls.local?.uriSans[0] ?? "unknown",
		}),
		destination_service: service.host || unknownService || "unknown",
		destination_service_name: service.name || unknownService || "unknown",
		destination_service_namespace: (inbound ? node.namespace : peer?.namespace) || "unknown",
		request_protocol: "tcp",
		response_flags: info.responseFlags.size === 0 ? "-" : [...info.responseFlags].join(","),
	};
	return TCP_LABELS.map((name) => labels[name] ?? "unknown");
}

/** The other end: what it said of itself, else what the endpoint's metadata says. */
function peerOf(info: StreamInfo, inbound: boolean, clusters: ClusterLookup): WorkloadMetadata | undefined {
	const told = info.filterState.get(inbound ? DOWNSTREAM_PEER : UPSTREAM_PEER) as WorkloadMetadata | undefined;
	if (told || inbound) return told;
	return endpointWorkload(upstreamHostOf(info, clusters));
}
