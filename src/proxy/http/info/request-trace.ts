import type { HeaderMap } from "../header-map.ts";
import type { Protocol, RequestHead, ResponseHead } from "../message.ts";

/** The spans of one request, as the request path drives them; implemented by `proxy/trace`. */
export interface RequestTrace {
	/** Of the request's span, hex. */
	readonly traceId: string;
	readonly spanId: string;
	/** A request goes to an endpoint: writes this proxy's place in the trace into the request's fields. Undefined: the attempt has no span of its own. */
	onAttempt(
		request: RequestHead,
		target: { readonly cluster: string; readonly attempt: number },
	): AttemptTrace | undefined;
	/** A copy of the request goes to another cluster: begins its span and writes that into the copy's fields. `sampled` undefined: as the request is. */
	onCopy(copy: RequestHead, target: { readonly cluster: string; readonly sampled: boolean | undefined }): AttemptTrace;
	/** The answer's head on its way to the client; may change it. */
	onResponse(response: ResponseHead): void;
	/** The trailers of the answer, where a gRPC call's status is. */
	onTrailers(trailers: HeaderMap): void;
	/** The request is somebody's health check: it is not reported. */
	dismiss(): void;
	/** The stream has ended, its info is final; called once. */
	finish(request: RequestHead): void;
}

/** The span of one attempt; one call ends it. */
export interface AttemptTrace {
	finish(outcome: {
		/** `ip:port`. */
		readonly host: string;
		/** Spoken to the endpoint; undefined: there was no connection. */
		readonly protocol: Protocol | undefined;
		/** 0: no answer came. */
		readonly status: number;
		readonly flags: ReadonlySet<string>;
		/** It was given up by this proxy: for another attempt, or because the request is over. */
		readonly cancelled: boolean;
	}): void;
}
