import type { CodecError } from "../codec/codec-error.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { ResponseHead } from "../http/message.ts";
import type { UpstreamConnection } from "./upstream-connection.ts";

/** Why there is no connection. */
export type UnavailableReason = "connect-failure" | "connect-timeout" | "overflow";

/** How a request that had a connection was cut off; "unsent": not one byte of it had left, so it may go out again elsewhere. */
export type ResetReason = "unsent" | "terminated" | "protocol-error";

/** Who sends one request over a pooled connection; first `onReady` or `onUnavailable`, then the answer's events, one of `onEnd` and `onReset` last. */
export interface UpstreamUser {
	/** Write the request now. */
	onReady(connection: UpstreamConnection): void;
	/** `detail` is the system's words ("Connection refused"), empty when there are none. */
	onUnavailable(reason: UnavailableReason, detail: string): void;
	onInformational(status: number, headers: HeaderMap): void;
	/** `connection.contentLength` tells the body's framing. */
	onResponse(head: ResponseHead): void;
	/** `buf` is valid during the call only. */
	onBody(buf: Buffer, start: number, end: number): void;
	onEnd(trailers: HeaderMap | undefined): void;
	onReset(reason: ResetReason, error: CodecError | undefined): void;
	/** The connection takes bytes again after `congested`. */
	onUpstreamDrain(): void;
}
