import type { Clock } from "../../../lib/clock.ts";
import type { FilterConfig } from "../../../xds/generated/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts";
import { isGrpc } from "../../http/grpc-status.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { ResponseHead } from "../../http/message.ts";
import { GRPC_MESSAGES, type GrpcMessages } from "../filter-state-keys.ts";
import type { FilterStream, HeadOutcome, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import type { CallBook, CallStats } from "./call-book.ts";
import { grpcNames, type NameOf } from "./grpc-names.ts";
import { MessageCounter } from "./message-counter.ts";

export interface GrpcStatsDeps {
	readonly clock: Clock;
	readonly calls: CallBook;
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
				book: deps.calls,
				clock: deps.clock,
			};
			return {
				name,
				wants: ({ request }) => isGrpc(request.headers.get("content-type")),
				create: () => new GrpcStatsStream(shared),
			};
		},
	};
}

interface Shared {
	readonly nameOf: NameOf;
	readonly emitsState: boolean;
	readonly countsTime: boolean;
	readonly book: CallBook;
	readonly clock: Clock;
}

class GrpcStatsStream implements HttpFilter {
	readonly #shared: Shared;
	/** Undefined: not a gRPC call that is counted. */
	#name: string | undefined;
	#requests: MessageCounter | undefined;
	#responses: MessageCounter | undefined;
	#messages: GrpcMessages | undefined;
	#series: CallStats | undefined;

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
			this.#seriesOf(stream)?.requestMessages(begun);
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
			this.#seriesOf(stream)?.responseMessages(begun);
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
		this.#seriesOf(stream)?.ended(fields);
	}

	#seriesOf({ info }: FilterStream): CallStats | undefined {
		if (this.#name === undefined || info.upstreamCluster === undefined) return undefined;
		this.#series ??= this.#shared.book.of(info.upstreamCluster, "grpc", this.#name);
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
