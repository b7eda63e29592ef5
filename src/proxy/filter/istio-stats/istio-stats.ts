import type { Counter, Histogram } from "../../../telemetry/metrics.ts";
import type { ClusterLookup, Host } from "../../cluster/cluster.ts";
import { isGrpc } from "../../http/grpc-status.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { ResponseHead } from "../../http/message.ts";
import { DOWNSTREAM_PEER, GRPC_MESSAGES, type GrpcMessages, UPSTREAM_PEER } from "../filter-state-keys.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import type { WorkloadMetadata } from "../workload-metadata.ts";
import type { Dimension } from "./dimension.ts";
import {
	ISTIO_LABELS,
	type IstioFamilies,
	type IstioLabel,
	type IstioMetric,
	type IstioMetrics,
} from "./istio-families.ts";
import { endpointWorkload, type Labels, requestedService, upstreamHostOf, workloadLabels } from "./peer-labels.ts";
import type { RequestFacts } from "./request-facts.ts";
import { SeriesCache } from "./series-cache.ts";
import { parseStatsConfig, type StatsSettings } from "./stats-config.ts";

const NOTHING: readonly undefined[] = [];

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
			const settings = readingConfig(path, (at, problems) => parseStatsConfig(config, at, problems));
			const recorder = new RequestRecorder(deps, settings);
			return { name, create: () => new StatsStream(recorder) };
		},
	};
}

class StatsStream implements HttpFilter {
	readonly #recorder: RequestRecorder;
	/** Undefined: not gRPC. */
	#grpcStatus: string | undefined;

	constructor(recorder: RequestRecorder) {
		this.#recorder = recorder;
	}

	encodeHeaders(stream: FilterStream, { headers }: ResponseHead): "continue" | "pass" {
		if (!isGrpc(stream.request.headers.get("content-type"))) return "pass";
		this.#grpcStatus = headers.get("grpc-status") ?? "";
		return this.#grpcStatus === "" ? "continue" : "pass";
	}

	encodeEnd(_stream: FilterStream, trailers: HeaderMap | undefined): "continue" {
		this.#grpcStatus = trailers?.get("grpc-status") ?? "";
		return "continue";
	}

	onStreamEnd(stream: FilterStream): void {
		this.#recorder.record(stream, this.#grpcStatus);
	}
}

/** The instruments of one combination of labels; undefined: the configuration drops the metric. */
interface Series {
	readonly requests: Counter | undefined;
	readonly duration: Histogram | undefined;
	readonly requestBytes: Histogram | undefined;
	readonly responseBytes: Histogram | undefined;
	/** gRPC only. */
	readonly requestMessages: Counter | undefined;
	readonly responseMessages: Counter | undefined;
	/** What the labels were made from, to see that it still holds. */
	readonly host: Host | undefined;
	readonly hostMetadata: Host["metadata"] | undefined;
}

class RequestRecorder {
	readonly #deps: IstioStatsDeps;
	readonly #settings: StatsSettings;
	readonly #inbound: boolean;
	readonly #hostFallback: boolean;
	readonly #series = new SeriesCache<Series>();
	readonly #peerKey: string;
	readonly #ownLabels: Labels;
	readonly #metrics: IstioMetrics;
	readonly #labels: readonly string[];
	/** What the configuration computes per request, of all metrics. */
	readonly #dimensions: readonly Dimension[];

	constructor(deps: IstioStatsDeps, settings: StatsSettings) {
		const inbound = deps.direction === "inbound";
		this.#deps = deps;
		this.#settings = settings;
		this.#inbound = inbound;
		this.#hostFallback = !inbound && settings.hostFallback;
		this.#peerKey = inbound ? DOWNSTREAM_PEER : UPSTREAM_PEER;
		this.#ownLabels = {
			reporter: inbound ? "destination" : "source",
			...workloadLabels(inbound ? "destination" : "source", deps.node),
			connection_security_policy: inbound ? "none" : "unknown",
		};
		this.#metrics = deps.istio.withLabels(settings.moreLabels);
		this.#labels = [...ISTIO_LABELS, ...settings.moreLabels];
		const metrics = Object.keys(this.#metrics) as IstioMetric[];
		this.#dimensions = metrics.flatMap((metric) => [...(settings.override(metric)?.dimensions.values() ?? [])]);
	}

	/** `grpcStatus` is undefined when the request was not gRPC, empty when it ended without a status. */
	record(stream: FilterStream, grpcStatus: string | undefined): void {
		const { info } = stream;
		const series = this.#seriesOf(this.#factsOf(stream, grpcStatus));
		series.requests?.inc();
		series.duration?.record(info.durationMs ?? 0);
		series.requestBytes?.record(info.bytesReceived);
		series.responseBytes?.record(info.bytesSent);
		if (grpcStatus === undefined) return;
		const messages = info.filterState.get(GRPC_MESSAGES) as GrpcMessages | undefined;
		if (!messages) return;
		series.requestMessages?.inc(messages.requestMessageCount);
		series.responseMessages?.inc(messages.responseMessageCount);
	}

	#seriesOf(on: RequestFacts): Series {
		const known = this.#series.find(on);
		if (known && !known.host?.removed && known.host?.metadata === known.hostMetadata) return known;
		const made = this.#bind(on);
		this.#series.put(on, made);
		return made;
	}

	#factsOf(stream: FilterStream, grpcStatus: string | undefined): RequestFacts {
		const { info } = stream;
		return {
			stream,
			info,
			peer: this.#peerOf(info),
			flags: flagsOf(info),
			fallbackHost: this.#hostFallback ? stream.request.authority : "",
			grpcStatus,
			tls: this.#inbound ? stream.connection.tls : undefined,
			computed: this.#dimensions.length === 0 ? NOTHING : this.#dimensions.map((dimension) => dimension(stream)),
		};
	}

	#peerOf(info: StreamInfo): WorkloadMetadata | undefined {
		if (info.hasFilterState === false) return undefined;
		return info.filterState.get(this.#peerKey) as WorkloadMetadata | undefined;
	}

	#bind(on: RequestFacts): Series {
		const host = upstreamHostOf(on.info, this.#deps.clusters);
		const labels = {
			...this.#ownLabels,
			...this.#peerLabels(on, host),
			...principals(on),
			...outcomeLabels(on),
		};
		const grpc = on.grpcStatus !== undefined;
		const messageLabels = { ...labels, response_code: "", grpc_response_status: "", response_flags: "" };
		return {
			requests: this.#instrument("requestsTotal", labels, on),
			duration: this.#instrument("requestDurationMs", labels, on),
			requestBytes: this.#instrument("requestBytes", labels, on),
			responseBytes: this.#instrument("responseBytes", labels, on),
			requestMessages: grpc ? this.#instrument("requestMessages", messageLabels, on) : undefined,
			responseMessages: grpc ? this.#instrument("responseMessages", messageLabels, on) : undefined,
			host,
			hostMetadata: host?.metadata,
		};
	}

	/** The metric with these labels as the configuration changes them. */
	#instrument<M extends IstioMetric>(
		metric: M,
		labels: Labels,
		{ stream }: RequestFacts,
	): ReturnType<IstioMetrics[M]["with"]> | undefined {
		const override = this.#settings.override(metric);
		if (override?.dropped) return undefined;
		const values = this.#labels.map((name, i) => {
			// An empty label is no label in Prometheus' model.
			if (override?.removed.has(name)) return "";
			const dimension = override?.dimensions.get(name);
			if (dimension) return dimension(stream) ?? "unknown";
			return i < ISTIO_LABELS.length ? (labels[name as IstioLabel] ?? "unknown") : "";
		});
		return this.#metrics[metric].with(...values) as ReturnType<IstioMetrics[M]["with"]>;
	}

	#peerLabels({ info, peer, fallbackHost }: RequestFacts, host: Host | undefined): Labels {
		const { node, clusters } = this.#deps;
		const service = requestedService(info, clusters, fallbackHost);
		if (this.#inbound) {
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

/** Both ends' identities by the certificates of an inbound connection. */
function principals({ tls }: RequestFacts): Labels {
	if (!tls?.peer) return {};
	return {
		connection_security_policy: "mutual_tls",
		source_principal: tls.peer.uriSans[0] ?? "unknown",
		destination_principal: tls.local?.uriSans[0] ?? "unknown",
	};
}

function flagsOf(info: StreamInfo): string {
	return info.hasResponseFlags === false || info.responseFlags.size === 0 ? "-" : [...info.responseFlags].join(",");
}

function outcomeLabels({ info, flags, grpcStatus }: RequestFacts): Labels {
	return {
		request_protocol: grpcStatus === undefined ? "http" : "grpc",
		response_code: String(info.responseCode),
		grpc_response_status: grpcStatus ?? "",
		response_flags: flags,
	};
}
