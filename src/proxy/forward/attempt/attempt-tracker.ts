import type { TrackedStats, UpstreamCluster } from "../../cluster/cluster.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";

/** The request that an attempt sends. */
export interface TrackedRequest {
	readonly request: RequestHead;
	readonly info: StreamInfo;
}

/** What clusters with `track_cluster_stats` record of an attempt: sizes of both messages, and how much of its timeout was used. */
export class AttemptTracker {
	readonly #stats: TrackedStats;
	readonly #tracks: NonNullable<UpstreamCluster["info"]["tracks"]>;
	readonly #sent: TrackedRequest | undefined;
	#response: ResponseHead | undefined = undefined;
	#responseFields = 0;
	#responseBytes = 0;
	#bodyBytes = 0;

	constructor({ stats, info }: UpstreamCluster, sent: TrackedRequest | undefined) {
		this.#stats = stats.tracked;
		this.#tracks = info.tracks!;
		this.#sent = sent;
	}

	/** Before anything is changed about the head; its status counts as a field of its own. */
	onResponse(head: ResponseHead): void {
		this.#response = head;
		this.#responseFields = head.headers.size + 1;
		this.#responseBytes = bytesOf(head.headers) + ":status".length + 3;
	}

	onBody(bytes: number): void {
		this.#bodyBytes += bytes;
	}

	end(tookMs: number, timeoutMs: number): void {
		const { timeouts, sizes } = this.#tracks;
		if (timeouts) this.#stats.perTryTimeoutUsed.record(percentUsed(tookMs, timeoutMs));
		if (!sizes || !this.#sent) return;
		const { request, info } = this.#sent;
		const stats = this.#stats;
		stats.requestHeadersSize.record(bytesOf(request.headers) + pseudoBytes(request));
		stats.requestHeadersCount.record(request.headers.size + PSEUDO.length);
		stats.requestBodySize.record(info.bytesReceived);
		if (!this.#response) return;
		stats.responseHeadersSize.record(this.#responseBytes);
		stats.responseHeadersCount.record(this.#responseFields);
		stats.responseBodySize.record(this.#bodyBytes);
	}
}

/** Whole percents; of an endless timeout nothing is ever used (Envoy: percentageOfTimeout). */
export function percentUsed(tookMs: number, timeoutMs: number): number {
	return timeoutMs > 0 ? Math.floor((100 * tookMs) / timeoutMs) : 0;
}

const PSEUDO = [":method", ":path", ":authority", ":scheme"];
const PSEUDO_BYTES = PSEUDO.join("").length;

function pseudoBytes({ method, path, authority, scheme }: RequestHead): number {
	return PSEUDO_BYTES + method.length + path.length + authority.length + scheme.length;
}

function bytesOf({ names, values }: HeaderMap): number {
	let bytes = 0;
	for (let i = 0; i < names.length; i++) bytes += names[i]!.length + values[i]!.length;
	return bytes;
}
