import type { Clock } from "../../../lib/clock.ts";
import type { Metrics, StatScope } from "../../../telemetry/metric-registry.ts";
import type { Counter, Histogram } from "../../../telemetry/metrics.ts";
import type { FilterConfig } from "../../../xds/generated/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { ResponseHead } from "../../http/message.ts";
import { isGrpc } from "../../router/match/other-matchers.ts";
import { GRPC_MESSAGES, type GrpcMessages } from "../filter-state-keys.ts";
import type { FilterStream, HeadOutcome, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { grpcNames, type NameOf } from "./grpc-names.ts";
import { MessageCounter } from "./message-counter.ts";

export interface GrpcStatsDeps {
	readonly clock: Clock;
	readonly metrics: Pick<Metrics, "scope">;
}

/** Counts gRPC calls and messages per method in the cluster's stats (Envoy: gRPC statistics filter). */
export function grpcStatsFilter(deps: GrpcStatsDeps): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
		parse(message, _path, name) {
			const config = message as FilterConfig;
			const shared: Shared = {
				nameOf: grpcNames(config),
				emitsState: config.emitFilterState,
				countsTime: config.enableUpstreamStats,
				book: new SeriesBook(deps.metrics),
				clock: deps.clock,
			};
			return { name, create: () => new GrpcStatsStream(shared) };
		},
	};
}

interface Shared {
	readonly nameOf: NameOf;
	readonly emitsState: boolean;
	readonly countsTime: boolean;
	readonly book: SeriesBook;
	readonly clock: Clock;
}

/** Stats of one method at one cluster. */
class Series {
	readonly requestMessages: Counter;
	readonly responseMessages: Counter;
	readonly #scope: StatScope;
	readonly #prefix: string;
	#time: Histogram | undefined;

	constructor(scope: StatScope, name: string) {
		this.#scope = scope;
		this.#prefix = `grpc.${name}`;
		this.requestMessages = scope.counter(`${this.#prefix}request_message_count`);
		this.responseMessages = scope.counter(`${this.#prefix}response_message_count`);
	}

	ended(status: string): void {
		this.#scope.counter(this.#prefix + status).inc();
		this.#scope.counter(`${this.#prefix}${status === "0" ? "success" : "failure"}`).inc();
		this.#scope.counter(`${this.#prefix}total`).inc();
	}

	took(ms: number): void {
		this.#time ??= this.#scope.histogram(`${this.#prefix}upstream_rq_time`);
		this.#time.record(ms);
	}

	release(): void {
		this.#scope.release();
	}
}

/** Names of methods come from clients: a full book is emptied, the stats themselves stay as long as others hold the cluster's. */
const MAX_SERIES = 1000;

class SeriesBook {
	readonly #metrics: Pick<Metrics, "scope">;
	readonly #series = new Map<string, Series>();

	constructor(metrics: Pick<Metrics, "scope">) {
		this.#metrics = metrics;
	}

	of(cluster: string, name: string): Series {
		const key = `${cluster}\0${name}`;
		const known = this.#series.get(key);
		if (known) return known;
		if (this.#series.size >= MAX_SERIES) {
			for (const series of this.#series.values()) series.release();
			this.#series.clear();
		}
		const made = new Series(this.#metrics.scope(`cluster.${cluster}.`), name);
		this.#series.set(key, made);
		return made;
	}
}

/** A status as a stat's name may have it; clients and upstreams must not make up names at will. */
const STATUS = /^\d{1,3}$/;

class GrpcStatsStream implements HttpFilter {
	readonly #shared: Shared;
	/** Undefined: not a gRPC call that is counted. */
	#name: string | undefined;
	#requests: MessageCounter | undefined;
	#responses: MessageCounter | undefined;
	#messages: GrpcMessages | undefined;
	#series: Series | undefined;

	constructor(shared: Shared) {
		this.#shared = shared;
	}

	decodeHeaders(stream: FilterStream): HeadOutcome {
		const { request } = stream;
		if (!isGrpc(request.headers.get("content-type"))) return "pass";
		if (stream.route()?.action.kind === "forward") this.#name = this.#shared.nameOf(request.path);
		this.#requests = new MessageCounter();
		return "continue";
	}

	decodeData(stream: FilterStream, data: Uint8Array): "continue" {
		const begun = this.#requests?.inspect(data) ?? 0;
		if (begun > 0) {
			this.#tell(stream);
			this.#seriesOf(stream)?.requestMessages.inc(begun);
		}
		return "continue";
	}

	encodeHeaders(stream: FilterStream, { status, headers }: ResponseHead, endStream: boolean): HeadOutcome {
		this.#ended(stream, headers);
		if (!this.#requests || endStream || status !== 200 || !isGrpc(headers.get("content-type"))) return "pass";
		this.#responses = new MessageCounter();
		return "continue";
	}

	encodeData(stream: FilterStream, data: Uint8Array): "continue" {
		const begun = this.#responses?.inspect(data) ?? 0;
		if (begun > 0) {
			this.#tell(stream);
			this.#seriesOf(stream)?.responseMessages.inc(begun);
		}
		return "continue";
	}

	encodeEnd(stream: FilterStream, trailers: HeaderMap | undefined): "continue" {
		if (trailers) this.#ended(stream, trailers);
		if (this.#shared.countsTime)
			this.#seriesOf(stream)?.took(Math.round(this.#shared.clock.nowMs() - stream.info.startMs));
		return "continue";
	}

	#ended(stream: FilterStream, fields: HeaderMap): void {
		const status = fields.get("grpc-status");
		if (status !== undefined && STATUS.test(status)) this.#seriesOf(stream)?.ended(status);
	}

	#seriesOf({ info }: FilterStream): Series | undefined {
		if (this.#name === undefined || info.upstreamCluster === undefined) return undefined;
		this.#series ??= this.#shared.book.of(info.upstreamCluster, this.#name);
		return this.#series;
	}

	#tell(stream: FilterStream): void {
		if (!this.#shared.emitsState) return;
		this.#messages ??= { requestMessageCount: 0, responseMessageCount: 0 };
		this.#messages.requestMessageCount = this.#requests?.count ?? 0;
		this.#messages.responseMessageCount = this.#responses?.count ?? 0;
		stream.info.filterState.set(GRPC_MESSAGES, this.#messages);
	}
}
