import type { HeaderMap } from "../http/header-map.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { LocalReply, RequestHead, ResponseHead } from "../http/message.ts";
import type { InternalRedirects } from "../router/action/internal-redirect.ts";
import type { ClusterChoice } from "../router/route-match.ts";

/** An endpoint (`ip:port`) that a filter wants instead of the balancer's choice; `strict`: that one or none. */
export interface HostOverride {
	readonly address: string;
	readonly strict: boolean;
}

/** The client's side of one request, as the forwarder uses it; the connection manager implements it. */
export interface Downstream {
	readonly request: RequestHead;
	readonly info: StreamInfo;
	/** Upgrade that the client asked for and may have (`websocket`, `connect`); "" for an ordinary request. */
	readonly upgrade: string;
	/** Drawn with the route, for routes that forward. */
	readonly choice: ClusterChoice | undefined;
	/** Body framing of the request (`message-parser.ts`): bytes, CHUNKED or TUNNEL. */
	readonly requestLength: number;
	/** Bytes of a message that are kept unless its route says otherwise; 0: any. */
	readonly bufferLimitBytes: number;
	readonly hostOverride: HostOverride | undefined;
	/** The client takes less than it is sent; `onDownstreamDrain` follows. */
	readonly congested: boolean;
	sendInformational(status: number, headers: HeaderMap): void;
	/** The response's head; `contentLength` as in `message-parser.ts`. */
	sendHead(response: ResponseHead, contentLength: number): void;
	/** `buf` is valid during the call only. */
	sendBody(buf: Buffer, start: number, end: number): void;
	finish(trailers: HeaderMap | undefined): void;
	sendLocalReply(reply: LocalReply): void;
	/** The response that has begun cannot be completed. */
	cut(): void;
	/** Makes the request the one that a redirect asks for; false: it goes to the client. */
	followRedirect(answer: ResponseHead, policy: InternalRedirects): boolean;
	/** This stream ends with the endpoint's redirect; the changed request begins anew, with `body`. */
	restart(answer: ResponseHead, body: readonly Buffer[]): void;
	pauseRequest(): void;
	resumeRequest(): void;
}
