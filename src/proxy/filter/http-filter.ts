import type { Any } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../lib/field-path.ts";
import type { ExtensionConfigSource } from "../../xds/generated/envoy/config/core/v3/config_source_pb.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { ConnectionInfo } from "../http/info/connection-info.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { LocalReply, RequestHead, ResponseHead } from "../http/message.ts";
import type { RouteMatch } from "../router/route-match.ts";

/**
 * What a filter may see and do of one stream. Methods that take `filter` want the filter that calls: its place in the chain decides
 * where the message goes on.
 */
export interface FilterStream {
	readonly request: RequestHead;
	/** The answer's head once it is on its way to the client, a local reply's too. */
	readonly response: ResponseHead | undefined;
	readonly info: StreamInfo;
	/** The client's connection. */
	readonly connection: ConnectionInfo;
	/** The route, found at first use and kept; undefined when nothing matches. */
	route(): RouteMatch | undefined;
	/** The route is looked up anew, by the request as it is now. */
	clearRoute(): void;
	/** Asks the control plane for what may route this request, which nothing routes; calls `done` when the answer is in force. False: nobody can be asked. */
	demandRoute(done: () => void): boolean;
	/** The per-route config of this filter (`typed_per_filter_config`), as its `parseRoute` made it. */
	routeConfig(filterName: string): unknown;
	/** Ends the request here; the reply passes the response methods of the chain. */
	sendLocalReply(reply: LocalReply): void;
	/** Goes on with the request after "stop" or "hold": head, what was held of the body, the end. */
	continueDecoding(filter: HttpFilter): void;
	/** The same for the response. */
	continueEncoding(filter: HttpFilter): void;
	/** What is held of the request's body at this filter, in one piece. */
	heldRequest(filter: HttpFilter): Uint8Array;
	heldResponse(filter: HttpFilter): Uint8Array;
	/** Puts bytes into the body behind this filter, before anything that it lets go on later; not from within its head method. */
	injectRequest(filter: HttpFilter, bytes: Uint8Array): void;
	injectResponse(filter: HttpFilter, bytes: Uint8Array): void;
	/** Takes the place of the listener's buffer limit for what filters hold of this request (more: 413) ... */
	limitRequestBuffer(maxBytes: number): void;
	/** ... and of its response (more: 500). */
	limitResponseBuffer(maxBytes: number): void;
	/** Leaves the rest of the request with the client, until `resumeRequest` was called as often; for filters that work more slowly than they are fed. */
	pauseRequest(): void;
	resumeRequest(): void;
	/** The same for the response and the endpoint. */
	pauseResponse(): void;
	resumeResponse(): void;
	/** Sends the request to this endpoint (`ip:port`) if the cluster has it; if not, to another one, or, when `strict`, nowhere (503). */
	overrideHost(address: string, strict: boolean): void;
}

/**
 * - "continue": on to the next filter.
 * - "pass": on, and this filter sees nothing more of this message. What needs no body answers so: bodies that no filter looks at take the
 *   direct path.
 * - "stop": head and body wait here until `continue...`; no more is read meanwhile.
 * - "hold": the head waits, the body comes on to this filter's data method.
 */
export type HeadOutcome = "continue" | "pass" | "stop" | "hold";

/**
 * - "continue": on to the next filter, after everything that is held here.
 * - "hold": stays here, in the stream's buffer; more than its limit is answered with 413 (request) or 500 (response).
 * - "taken": the filter has it; `inject...` brings bytes back.
 * - bytes: these go on in its place; they are used before the next call.
 */
export type DataOutcome = "continue" | "hold" | "taken" | Uint8Array;

/** "hold": the end waits here until `continue...`. An object: `append` is the body's last piece, `trailers` take the place of those that came. */
export type EndOutcome =
	| "continue"
	| "hold"
	| { readonly append?: Uint8Array; readonly trailers: HeaderMap | undefined };

/**
 * One filter on one stream; a filter without a method is not called. A filter that changes a body's length takes `content-length` off
 * the head: framing follows that field. `data` is valid during the call only. A message that ends with its head (`endStream`) has no
 * data and no end.
 */
export interface HttpFilter {
	decodeHeaders?(stream: FilterStream, endStream: boolean): HeadOutcome;
	decodeData?(stream: FilterStream, data: Uint8Array): DataOutcome;
	/** The body is complete; `trailers` may be changed in place. */
	decodeEnd?(stream: FilterStream, trailers: HeaderMap | undefined): EndOutcome;
	/** Response head on its way to the client, local replies too; may change it. */
	encodeHeaders?(stream: FilterStream, response: ResponseHead, endStream: boolean): HeadOutcome;
	encodeData?(stream: FilterStream, data: Uint8Array): DataOutcome;
	encodeEnd?(stream: FilterStream, trailers: HeaderMap | undefined): EndOutcome;
	/** The stream has ended, `stream.info` is final; called exactly once. */
	onStreamEnd?(stream: FilterStream): void;
}

/** A filter as configured on one listener; `create` once per stream (return a shared object where there is no state). */
export interface HttpFilterConfig {
	readonly name: string;
	/** On only for routes whose `typed_per_filter_config` names it. */
	readonly disabled?: boolean;
	/**
	 * False: the filter has nothing to do on this stream, neither with the request nor with any answer, and is not created. Asked when the
	 * request's head comes to the filter's place; a filter that the head never came to is taken to have nothing to do either.
	 */
	wants?(stream: FilterStream): boolean;
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
	/** Makes a filter whose configuration is discovered (`config_discovery`); `read` is what reads it. Only the factory of such filters has it. */
	parseDiscovered?(source: ExtensionConfigSource, at: FieldPath, filter: FilterReader): HttpFilterConfig;
}

/** A filter's name, and what reads its configuration; throws ProblemError. */
export interface FilterReader {
	readonly name: string;
	read(config: Any, path: string): HttpFilterConfig;
}
