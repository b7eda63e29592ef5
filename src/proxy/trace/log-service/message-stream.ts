import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { RetryPolicy } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { HeaderMap } from "../../http/header-map.ts";
import type { SideStream, SideStreams, SideStreamTarget } from "../../http/side-calls.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { Collector } from "../collector-call.ts";
import { grpcFrame } from "../grpc-collector.ts";

type Retries = NonNullable<SideStreamTarget["retries"]>;

/** One gRPC stream to a service, opened with the first message and again with the next one after it was closed. */
export class MessageStream {
	readonly #streams: SideStreams;
	readonly #target: SideStreamTarget;
	#stream: SideStream | undefined = undefined;

	constructor(streams: SideStreams, collector: Collector, retries: Retries | undefined) {
		this.#streams = streams;
		const { cluster, path, authority } = collector;
		const headers = HeaderMap.of(["te", "trailers"], ["content-type", "application/grpc"], ...collector.headers);
		this.#target = { cluster, path, authority, headers, retries };
	}

	/** A stream is open: the service knows who writes. */
	get open(): boolean {
		return this.#stream !== undefined;
	}

	/** False: the service takes less than it is sent, the message is to be kept. A message that nobody is there for is lost, as in Envoy. */
	send(message: Uint8Array): boolean {
		this.#stream ??= this.#streams.open(this.#target, () => {
			this.#stream = undefined;
		});
		if (this.#stream?.congested) return false;
		this.#stream?.send(grpcFrame(message));
		return true;
	}
}

const BASE_MS = 1000;

/** `grpc_stream_retry_policy`: connections that fail are tried again so often. */
export function parseStreamRetries(
	policy: RetryPolicy | undefined,
	at: FieldPath,
	problems: ProblemList,
): Retries | undefined {
	if (!policy) return undefined;
	const { retryBackOff } = policy;
	const baseMs = retryBackOff?.baseInterval ? durationMs(retryBackOff.baseInterval) : BASE_MS;
	const maxMs = retryBackOff?.maxInterval ? durationMs(retryBackOff.maxInterval) : baseMs * 10;
	if (maxMs < baseMs)
		problems.add("invalid", at.field("retry_back_off").field("max_interval"), "it is shorter than base_interval");
	return { max: policy.numRetries ?? 1, baseMs, maxMs };
}
