import type { FieldPath } from "../../../lib/field-path.ts";
import type { Counter, Histogram } from "../../../telemetry/metrics.ts";
import type { ClusterLookup, Host } from "../../cluster/cluster.ts";
import type { ResponseHead } from "../../http/message.ts";
import type { StreamInfo } from "../../http/stream-info.ts";
import { isGrpc } from "../../router/match/route-condition.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { DOWNSTREAM_PEER, UPSTREAM_PEER } from "../filter-state-keys.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig, readPlainObject } from "../problem-path.ts";
import type { WorkloadMetadata } from "../workload-metadata.ts";
import { ISTIO_LABELS, type IstioFamilies } from "./istio-families.ts";
import { endpointWorkload, type Labels, requestedService, upstreamHostOf, workloadLabels } from "./peer-labels.ts";

/** Remembered series; a full cache is emptied, the series themselves live in the families. */
const CACHE_SIZE = 4096;

export interface IstioStatsDeps {
	/** Inbound proxies report as destination, outbound ones and gateways as source. */
	readonly direction: "inbound" | "outbound";
	readonly node: WorkloadMetadata;
	readonly clusters: ClusterLookup;
	readonly istio: IstioFamilies;
}

/** Istio's `istio.stats`: the standard request metrics, recorded when a stream ends. */
export function istioStatsFilter(deps: IstioStatsDeps): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/stats.PluginConfig",
		parse(config, path, name) {
			const noFallback = readingConfig(path, (at, problems) => parseNoFallback(config, at, problems));
			const recorder = new RequestRecorder(deps, deps.direction === "outbound" && !noFallback);
			return { name, create: () => new StatsStream(recorder) };
		},
	};
}

function parseNoFallback(config: unknown, at: FieldPath, problems: ProblemList): boolean {
	const fields = readPlainObject(config, ["disable_host_header_fallback"], at, problems);
	const value = fields.disable_host_header_fallback ?? false;
	if (typeof value !== "boolean")
		problems.add("invalid", at.field("disable_host_header_fallback"), "this is no truth value");
	return value === true;
}

class StatsStream implements HttpFilter {
	readonly #recorder: RequestRecorder;
	#grpcStatus = "";

	constructor(recorder: RequestRecorder) {
		this.#recorder = recorder;
	}

	encodeHeaders(_stream: FilterStream, { headers }: ResponseHead): "continue" {
		this.#grpcStatus = headers.get("grpc-status") ?? "";
		return "continue";
	}

	onStreamEnd(stream: FilterStream): void {
		this.#recorder.record(stream, this.#grpcStatus);
	}
}

/** The instruments of one combination of labels. */
interface Series {
	readonly requests: Counter;
	readonly duration: Histogram;
	readonly requestBytes: Histogram;
	readonly responseBytes: Histogram;
	/** What the labels were made from, to see that it still holds. */
	readonly host: Host | undefined;
	readonly hostMetadata: Host["metadata"] | undefined;
	readonly peer: WorkloadMetadata | undefined;
}

class RequestRecorder {
	readonly #deps: IstioStatsDeps;
	readonly #hostFallback: boolean;
	readonly #series = new Map<string, Series>();
	readonly #peerKey: string;
	readonly #ownLabels: Labels;

	constructor(deps: IstioStatsDeps, hostFallback: boolean) {
		const inbound = deps.direction === "inbound";
		this.#deps = deps;
		this.#hostFallback = hostFallback;
		this.#peerKey = inbound ? DOWNSTREAM_PEER : UPSTREAM_PEER;
		this.#ownLabels = {
			reporter: inbound ? "destination" : "source",
			...workloadLabels(inbound ? "destination" : "source", deps.node),
			connection_security_policy: inbound ? "none" : "unknown",
		};
	}

	record(stream: FilterStream, grpcStatus: string): void {
		const { info } = stream;
		const series = this.#seriesOf(stream, grpcStatus);
		series.requests.inc();
		series.duration.record(info.durationMs ?? 0);
		series.requestBytes.record(info.bytesReceived);
		series.responseBytes.record(info.bytesSent);
	}

	#seriesOf(stream: FilterStream, grpcStatus: string): Series {
		const { info, request } = stream;
		const peer = info.filterState.get(this.#peerKey) as WorkloadMetadata | undefined;
		const grpc = isGrpc(request.headers.get("content-type"));
		const flags = info.responseFlags.size === 0 ? "-" : [...info.responseFlags].join(",");
		const fallbackHost = this.#hostFallback ? request.authority : "";
		const key = `${peer?.id}|${info.upstreamCluster}|${info.upstreamHost}|${info.responseCode}|${flags}|${grpc ? grpcStatus : "http"}|${info.routeName}|${fallbackHost}`;
		const known = this.#series.get(key);
		if (known && known.peer === peer && !known.host?.removed && known.host?.metadata === known.hostMetadata)
			return known;
		const made = this.#bind({ info, peer, flags, fallbackHost, grpcStatus: grpc ? grpcStatus : undefined });
		if (this.#series.size >= CACHE_SIZE) this.#series.clear();
		this.#series.set(key, made);
		return made;
	}

	#bind(on: RequestFacts): Series {
		const host = upstreamHostOf(on.info, this.#deps.clusters);
		const labels = { ...this.#ownLabels, ...this.#peerLabels(on, host), ...outcomeLabels(on) };
		const values = ISTIO_LABELS.map((name) => labels[name] ?? "unknown");
		const { istio } = this.#deps;
		return {
			requests: istio.requestsTotal.with(...values),
			duration: istio.requestDurationMs.with(...values),
			requestBytes: istio.requestBytes.with(...values),
			responseBytes: istio.responseBytes.with(...values),
			host,
			hostMetadata: host?.metadata,
			peer: on.peer,
		};
	}

	#peerLabels({ info, peer, fallbackHost }: RequestFacts, host: Host | undefined): Labels {
		const { node, clusters, direction } = this.#deps;
		const service = requestedService(info, clusters, fallbackHost);
		if (direction === "inbound") {
			return {
				...workloadLabels("source", peer),
				destination_service: service.host || node.canonicalName || "unknown",
				destination_service_name: service.name || node.canonicalName || "unknown",
				destination_service_namespace: node.namespace || "unknown",
			};
		}
		const destination = peer ?? endpointWorkload(host);
		return {
			...workloadLabels("destination", destination),
			destination_service: service.host || "unknown",
			destination_service_name: service.name || "unknown",
			destination_service_namespace: destination?.namespace || "unknown",
		};
	}
}

interface RequestFacts {
	readonly info: StreamInfo;
	readonly peer: WorkloadMetadata | undefined;
	readonly flags: string;
	readonly fallbackHost: string;
	/** Undefined: not gRPC. */
	readonly grpcStatus: string | undefined;
}

function outcomeLabels({ info, flags, grpcStatus }: RequestFacts): Labels {
	return {
		request_protocol: grpcStatus === undefined ? "http" : "grpc",
		response_code: String(info.responseCode),
		grpc_response_status: grpcStatus ?? "",
		response_flags: flags,
	};
}
