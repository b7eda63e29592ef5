import type { TlsInfo } from "../../http/info/connection-info.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { FilterStream } from "../http-filter.ts";
import type { WorkloadMetadata } from "../workload-metadata.ts";

/** What a finished request's labels are made from. */
export interface RequestFacts {
	readonly stream: FilterStream;
	readonly info: StreamInfo;
	readonly peer: WorkloadMetadata | undefined;
	readonly flags: string;
	readonly fallbackHost: string;
	/** Undefined: not gRPC. */
	readonly grpcStatus: string | undefined;
	/** Of a server's connection with TLS. */
	readonly tls: TlsInfo | undefined;
	/** The values of the dimensions that the configuration computes. */
	readonly computed: readonly (string | undefined)[];
}

/** What stays of the facts once the request is gone: requests with the same key have the same labels. */
export interface SeriesKey extends Omit<RequestFacts, "stream" | "info" | "tls"> {
	readonly host: string | undefined;
	readonly cluster: string | undefined;
	readonly code: number;
	readonly routeName: string | undefined;
	readonly principal: string | undefined;
}

export function seriesKeyOf(on: RequestFacts): SeriesKey {
	return {
		peer: on.peer,
		flags: on.flags,
		fallbackHost: on.fallbackHost,
		grpcStatus: on.grpcStatus,
		computed: on.computed,
		host: on.info.upstreamHost,
		cluster: on.info.upstreamCluster,
		code: on.info.responseCode,
		routeName: on.info.routeName,
		principal: on.tls?.peer?.uriSans[0],
	};
}

/** True when `key` is this request's key; members that differ most often come first. */
export function isKeyOf(key: SeriesKey, on: RequestFacts): boolean {
	const { info } = on;
	return (
		key.code === info.responseCode &&
		key.routeName === info.routeName &&
		key.host === info.upstreamHost &&
		key.cluster === info.upstreamCluster &&
		key.peer === on.peer &&
		key.flags === on.flags &&
		key.grpcStatus === on.grpcStatus &&
		key.fallbackHost === on.fallbackHost &&
		key.principal === on.tls?.peer?.uriSans[0] &&
		sameTexts(key.computed, on.computed)
	);
}

function sameTexts(a: SeriesKey["computed"], b: SeriesKey["computed"]): boolean {
	for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
	return true;
}
