import type { RateLimitUnit } from "../../../xds/generated/envoy/type/v3/ratelimit_unit_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { RequestHead } from "../../http/message.ts";
import type { FormatContext } from "../format/format-context.ts";

/** What a limit is about: key and value pairs in order, e.g. `remote_address: 10.0.0.9, path: /login`. */
export interface RateLimitDescriptor {
	readonly entries: readonly DescriptorEntry[];
	/** Takes the place of the limit that the service has for these entries. */
	readonly limit: LimitOverride | undefined;
	/** How many hits the request counts for; undefined: one. */
	readonly hitsAddend: number | undefined;
	/** The hits are given back instead of taken. */
	readonly negativeHits: boolean;
	/** Over the filter's own setting: whether the answer has x-ratelimit headers. */
	readonly headers: boolean | undefined;
}

export interface DescriptorEntry {
	readonly key: string;
	readonly value: string;
}

export interface LimitOverride {
	readonly requestsPerUnit: number;
	/** `envoy.type.v3.RateLimitUnit`. */
	readonly unit: RateLimitUnit;
}

/** What descriptors are made from. */
export interface DescriptorContext extends FormatContext {
	readonly request: RequestHead & { readonly headers: HeaderMap };
	readonly info: StreamInfo;
	/** The proxy's own cluster, `node.cluster` of its bootstrap. */
	readonly serviceCluster: string;
	/** The cluster that the route sends the request to; the first one of a weighted route. */
	readonly destinationCluster: string;
}
