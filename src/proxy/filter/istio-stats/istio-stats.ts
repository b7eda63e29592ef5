import type { Counter, Histogram } from "../../../telemetry/metrics.ts";
import type { ClusterLookup, Host } from "../../cluster/cluster.ts";
import type { TlsInfo } from "../../http/connection-info.ts";
import { isGrpc } from "../../http/grpc-status.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { ResponseHead } from "../../http/message.ts";
import type { StreamInfo } from "../../http/stream-info.ts";
import { DOWNSTREAM_PEER, GRPC_MESSAGES, type GrpcMessages, UPSTREAM_PEER } from "../filter-state-keys.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import type { WorkloadMetadata } from "../workload-metadata.ts";
import type { Dimension } from "./dimension.ts";
import { ISTIO_LABELS, type IstioFamilies, type IstioMetric } from "./istio-families.ts";
import { endpointWorkload, type Labels, requestedService, upstreamHostOf, workloadLabels } from "./peer-labels.ts";
import { parseStatsConfig, type StatsSettings } from "./stats-config.ts";

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
	readonly peer: WorkloadMetadata | undefined;
}

class RequestRecorder {
	readonly #deps: IstioStatsDeps;
	readonly #settings: StatsSettings;
	readonly #hostFallback: boolean;
	readonly #series = new Map<string, Series>();
	readonly #peerKey: string;
	readonly #ownLabels: Labels;
	/** What the configuration computes per request, of all metrics. */
	readonly #dimensions: readonly Dimension[];

	constructor(deps: IstioStatsDeps, settings: StatsSettings) {
		const inbound = deps.direction === "inbound";
		this.#deps = deps;
		this.#settings = settings;
		this.#hostFallback = !inbound && settings.hostFallback;
		this.#peerKey = inbound ? DOWNSTREAM_PEER : UPSTREAM_PEER;
		this.#ownLabels = {
			reporter: inbound ? "destination" : "source",
			...workloadLabels(inbound ? "destination" : "source", deps.node),
			connection_security_policy: inbound ? "none" : "unknown",
		};
		const metrics = Object.keys(deps.istio) as IstioMetric[];
		this.#dimensions = metrics.flatMap((metric) => [...(settings.override(metric)?.dimensions.values() ?? [])]);
	}

	/** `grpcStatus` is undefined when the request was not gRPC, empty when it ended without a status. */
	record(stream: FilterStream, grpcStatus: string | undefined): void {
		const { info } = stream;
		const series = this.#seriesOf(stream, grpcStatus);
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

	#seriesOf(stream: FilterStream, grpcStatus: string | undefined): Series {
		const { info, request } = stream;
		const peer = info.filterState.get(this.#peerKey) as WorkloadMetadata | undefined;
		const flags = info.responseFlags.size === 0 ? "-" : [...info.responseFlags].join(",");
		const fallbackHost = this.#hostFallback ? request.authority : "";
		const tls = this.#deps.direction === "inbound" ? stream.connection.tls : undefined;
		let key = `${peer?.id}|${info.upstreamCluster}|${info.upstreamHost}|${info.responseCode}|${flags}|${grpcStatus ?? "http"}|${info.routeName}|${fallbackHost}|${tls?.peer?.uriSans[0]}`;
		for (const dimension of this.#dimensions) key += `|${dimension(stream)}`;
		const known = this.#series.get(key);
		if (known && known.peer === peer && !known.host?.removed && known.host?.metadata === known.hostMetadata)
			return known;
		const made = this.#bind({ stream, info, peer, flags, fallbackHost, grpcStatus, tls });
		if (this.#series.size >= CACHE_SIZE) this.#series.clear();
		this.#series.set(key, made);
		return made;
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
			peer: on.peer,
		};
	}

	/** The metric with these labels as the configuration changes them. */
	#instrument<M extends IstioMetric>(
		metric: M,
		labels: Labels,
		{ stream }: RequestFacts,
	): ReturnType<IstioFamilies[M]["with"]> | undefined {
		const override = this.#settings.override(metric);
		if (override?.dropped) return undefined;
		const values = ISTIO_LABELS.map((name) => {
			// An empty label is no label in Prometheus' model.
			if (override?.removed.has(name)) return "";
			const dimension = override?.dimensions.get(name);
			return (dimension ? dimension(stream) : labels[name]) ?? "unknown";
		});
		return this.#deps.istio[metric].with(...values) as ReturnType<IstioFamilies[M]["with"]>;
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
	readonly stream: FilterStream;
	readonly info: StreamInfo;
	readonly peer: WorkloadMetadata | undefined;
	readonly flags: string;
	readonly fallbackHost: string;
	/** Undefined: not gRPC. */
	readonly grpcStatus: string | undefined;
	/** Of a server's connection with TLS. */
	readonly tls: TlsInfo | undefined;
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

function outcomeLabels({ info, flags, grpcStatus }: RequestFacts): Labels {
	return {
		request_protocol: grpcStatus === undefined ? "http" : "grpc",
		response_code: String(info.responseCode),
		grpc_response_status: grpcStatus ?? "",
		response_flags: flags,
	};
}
