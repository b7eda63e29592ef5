import type { CodecError } from "../codec/codec-error.ts";
import type { Transport } from "../codec/transport.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { ResponseHead } from "../http/message.ts";

/** Why there is no connection. */
export type UnavailableReason = "connect-failure" | "connect-timeout" | "overflow";

/** How a request that had a connection was cut off; "unsent": not one byte of it had left, so it may go out again elsewhere. */
export type ResetReason = "unsent" | "terminated" | "protocol-error";

/** A connection that a request has to itself from `onReady` to `onEnd` or `onReset`. */
export interface UpstreamChannel {
	readonly transport: Transport;
	/** `ip:port` of our end. */
	readonly localAddress: string;
	/** Body framing of the current answer (`message-parser.ts`). */
	readonly contentLength: number;
	/** Sends the request's head. `upgrade`: 101 is an answer to it. */
	sendHead(text: string, method: string, upgrade: boolean): void;
	/** The request has been sent whole. */
	finishRequest(): void;
	/** No longer interested in the answer: reads it to its end when that is near, else cuts the connection. */
	abandon(): void;
	close(): void;
}

/** Who sends one request over a pooled connection; first `onReady` or `onUnavailable`, then the answer's events, one of `onEnd` and `onReset` last. */
export interface UpstreamUser {
	/** Write the request now. */
	onReady(connection: UpstreamChannel): void;
	/** `detail` is the system's words ("Connection refused"), empty when there are none. */
	onUnavailable(reason: UnavailableReason, detail: string): void;
	onInformational(status: number, headers: HeaderMap): void;
	/** `contentLength` of the channel tells the body's framing. */
	onResponse(head: ResponseHead): void;
	/** `buf` is valid during the call only. */
	onBody(buf: Buffer, start: number, end: number): void;
	onEnd(trailers: HeaderMap | undefined): void;
	onReset(reason: ResetReason, error: CodecError | undefined): void;
	/** The connection takes bytes again after `congested`. */
	onUpstreamDrain(): void;
}
