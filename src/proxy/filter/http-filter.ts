import type { LocalReply, RequestHead, ResponseHead } from "../http/message.ts";
import type { StreamInfo } from "../http/stream-info.ts";
import type { RouteMatch } from "../router/route-match.ts";

/** What a filter may see and do of one stream. */
export interface FilterStream {
	readonly request: RequestHead;
	readonly info: StreamInfo;
	/** The route, found at first use and kept; undefined when nothing matches. */
	route(): RouteMatch | undefined;
	/** The per-route config of this filter (`typed_per_filter_config`), as its `parseRoute` made it. */
	routeConfig(filterName: string): unknown;
	/** Ends the request here. */
	sendLocalReply(reply: LocalReply): void;
	/** Goes on after `decodeHeaders` had answered "stop". */
	continueDecoding(): void;
}

/** One filter on one stream; a filter without a method is not called. */
export interface HttpFilter {
	/** "stop" holds the request (body is not read meanwhile) until `continueDecoding` or `sendLocalReply`. */
	decodeHeaders?(stream: FilterStream, endStream: boolean): "continue" | "stop";
	/** Response head on its way to the client, local replies too; may change it. */
	encodeHeaders?(stream: FilterStream, response: ResponseHead): void;
	/** The stream has ended, `stream.info` is final; called exactly once. */
	onStreamEnd?(stream: FilterStream): void;
}

/** A filter as configured on one listener; `create` once per stream (return a shared object where there is no state). */
export interface HttpFilterConfig {
	readonly name: string;
	/** On only for routes whose `typed_per_filter_config` names it. */
	readonly disabled?: boolean;
	create(): HttpFilter;
}

/** How a kind of filter is read from xDS: the list of these that `runtime` passes is all there is, no registry. */
export interface HttpFilterFactory {
	/** Type URL of the filter's config message, or the `type_url` inside a TypedStruct. */
	readonly typeUrl: string;
	/** Reads and checks the config (a decoded message, or a plain object out of a TypedStruct); throws ProblemError with paths. */
	parse(config: unknown, path: string, name: string): HttpFilterConfig;
	/** The same for `typed_per_filter_config`; the result is what `routeConfig` returns. */
	parseRoute?(config: unknown, path: string): unknown;
	/** Type URL of the per-route message when it is another one. */
	readonly routeTypeUrl?: string;
}
