import type { BytesMeter } from "../../http/bytes-meter.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { RedirectHistory } from "../../router/action/internal-redirect.ts";
import type { HcmShared } from "../hcm-shared.ts";

/** What a request that begins anew brings along: it has come whole. */
export interface RestartedRequest {
	readonly history: RedirectHistory;
	/** Body bytes as logs tell them: what begins anew counts once more (as in Envoy). */
	readonly bytesReceived: number;
	readonly body: readonly Buffer[];
}

/**
 * The client's side of one request, below which is the protocol: framing, the connection's persistence, the codec. A connection
 * makes a `ServerStream` per request, hands it the exchange, and calls its `start`, `onRequestBody`, `onRequestEnd` (also after a
 * request that ended with its head), `onDownstreamDrain`, `onCodecError` and `onDisconnect`. HTTP/1 has one exchange per connection, used again by each of its requests.
 */
export interface Exchange {
	readonly shared: HcmShared;
	readonly connection: ConnectionInfo;
	/** More bytes than this are not kept for one message (`per_connection_buffer_limit_bytes`); 0: no limit. */
	readonly bufferLimitBytes: number;
	/** Body bytes of the request if its head tells, 0 when the request ended with its head, else CHUNKED or TUNNEL (`message-parser.ts`). */
	readonly requestLength: number;
	/** Bits of `SEEN` (`known-names.ts`) for the request's fields. */
	readonly seen: number;
	/** Protocol that the client asks to switch to, lower case (`Upgrade`, or `:protocol` of an extended CONNECT); "" when none. */
	readonly upgrade: string;
	/** HTTP/1: the target does not say the scheme. */
	readonly originForm?: boolean;
	/** The client waits for 100 (Continue). */
	readonly expectsContinue: boolean;
	/** The client takes less than it is sent; the stream's `onDownstreamDrain` follows. */
	readonly congested: boolean;
	/** HTTP/1: no further request on this connection. */
	endAfterAnswer?(): void;
	/** From here on bytes of another protocol flow both ways. */
	beginTunnel(): void;
	/** A 1xx other than 101. */
	sendInterim(status: number, headers: HeaderMap): void;
	/**
	 * The answer's head. `contentLength`: bytes, CHUNKED or UNTIL_CLOSE when not known, TUNNEL, 0 when the answer ends with its
	 * head (`sendEnd` follows all the same).
	 */
	sendHead(response: ResponseHead, contentLength: number): void;
	/** `buf` is valid during the call only. Returns how many body bytes the client gets: none in answers that have no body. */
	sendBody(buf: Buffer, start: number, end: number): number;
	/** The answer is whole. Last call of a stream: the next request may begin within. */
	sendEnd(trailers: HeaderMap | undefined): void;
	/** Last call of a stream whose request begins anew: another stream takes its place. */
	restart(request: RequestHead, from: RestartedRequest): void;
	/** Last call of a stream whose answer cannot be completed: the client sees that it was cut short. */
	reset(): void;
	/** Notes what the stream has carried so far, `sendEnd(trailers)` included when the answer is `whole`. */
	measure(meter: BytesMeter, trailers: HeaderMap | undefined, whole: boolean): void;
	/** The rest of the request stays with the client until `resumeReading`. */
	pauseReading(): void;
	resumeReading(): void;
}
