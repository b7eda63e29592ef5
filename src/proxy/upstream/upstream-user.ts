import type { CodecError } from "../codec/codec-error.ts";
import type { BytesMeter } from "../http/bytes-meter.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { TlsInfo } from "../http/info/connection-info.ts";
import type { Protocol, RequestHead, ResponseHead } from "../http/message.ts";

/** Why there is no connection. */
export type UnavailableReason = "connect-failure" | "connect-timeout" | "overflow";

/** How a request that had a channel was cut off. */
export type ResetReason =
	/** Not one byte of it was seen by the endpoint (an idle connection that had died, a stream beyond GOAWAY's last): it may go out again. */
	| "unsent"
	/** The connection ended. */
	| "terminated"
	/** The endpoint reset the stream ... */
	| "remote-reset"
	/** ... with REFUSED_STREAM: it has done nothing with it ... */
	| "refused"
	/** ... with CONNECT_ERROR. */
	| "connect-error"
	/** What came was against the protocol. */
	| "protocol-error";

/** The endpoint's side of one request, from `onReady` to `onEnd` or `onReset`; framing is below it. */
export interface UpstreamChannel {
	readonly protocol: Protocol;
	/** Undefined on plaintext connections. */
	readonly tls: TlsInfo | undefined;
	/** Of the connection (%UPSTREAM_CONNECTION_ID%). */
	readonly connectionId: number;
	/** `ip:port` of our end. */
	readonly localAddress: string;
	/** Body length of the current answer: bytes, CHUNKED, UNTIL_CLOSE or TUNNEL (`message-parser.ts`), 0 when it ends with its head. */
	readonly contentLength: number;
	/** The endpoint takes less than it is sent; the user's `onUpstreamDrain` follows. */
	readonly congested: boolean;
	/**
	 * Sends the request's head. `length` of the body: bytes, CHUNKED when not known, TUNNEL, 0 when the request ends with its head
	 * (`sendEnd` follows all the same). `upgrade`: the protocol to switch to, "" when none.
	 */
	sendHead(request: RequestHead, length: number, upgrade: string): void;
	/** `buf` is valid during the call only. */
	sendBody(buf: Buffer, start: number, end: number): void;
	/** The request is whole; ends our side of a tunnel. */
	sendEnd(trailers: HeaderMap | undefined): void;
	/** The rest of the answer stays with the endpoint until `resumeReading`. */
	pauseReading(): void;
	resumeReading(): void;
	/** Notes what the exchange has carried so far; tunnels that are no HTTP have nothing to tell. */
	measure?(meter: BytesMeter): void;
	/** No longer interested in the answer; keeps the connection where that is cheap. No more events. */
	abandon(): void;
	/** Gives the request up: HTTP/1 closes the connection, HTTP/2 resets the stream. No more events. */
	close(): void;
}

/** Who sends one request over a pooled connection; first `onReady` or `onUnavailable`, then the answer's events, one of `onEnd` and `onReset` last. */
export interface UpstreamUser {
	/** Write the request now. */
	onReady(channel: UpstreamChannel): void;
	/** `detail`: Envoy's words ("delayed connect error: Connection refused", "TLS_error:..."), empty when there are none. */
	onUnavailable(reason: UnavailableReason, detail: string): void;
	onInformational(status: number, headers: HeaderMap): void;
	/** `contentLength` of the channel tells the body's length. */
	onResponse(head: ResponseHead): void;
	/** `buf` is valid during the call only. */
	onBody(buf: Buffer, start: number, end: number): void;
	onEnd(trailers: HeaderMap | undefined): void;
	onReset(reason: ResetReason, error: CodecError | undefined): void;
	/** The channel takes bytes again after `congested`. */
	onUpstreamDrain(): void;
}
