import type { HeaderMap } from "../http/header-map.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";

/** How an attempt failed before a response head came. */
export type AttemptFailure =
	| "connect-failure" // includes TLS handshake failures
	| "connect-timeout"
	| "reset-before-request" // connection died before the request was written
	| "reset" // connection died after the request was written, no response head
	| "refused-stream"
	| "per-try-timeout"
	| "per-try-idle-timeout"
	| "overflow"; // circuit breaker: never retried

/** Compiled `retry_policy` of a route. Pure. */
export interface RetryPolicy {
	/** Retries after the first attempt. */
	readonly maxRetries: number;
	/** 0 = none. */
	readonly perTryTimeoutMs: number;
	readonly perTryIdleTimeoutMs: number;
	/** How often the balancer is asked again when it returns a host that was tried (host_selection_retry_max_attempts). */
	readonly hostSelectionAttempts: number;
	/** previous_hosts predicate. */
	readonly avoidPreviousHosts: boolean;
	/** previous_priorities: after every so many attempts the levels tried so far are left out; 0 = never. */
	readonly avoidPrioritiesEvery: number;
	/** False: this request is never sent again (`retriable_request_headers`). */
	retriesRequest(request: RequestHead): boolean;
	retriesResponse(response: ResponseHead): boolean;
	retriesFailure(failure: AttemptFailure): boolean;
	/** Wait before retry number `retry` (1-based): jittered exponential, `unit` drawn from [0,1). */
	backoffMs(retry: number, unit: number): number;
	/** The wait that a response asks for (`rate_limited_retry_back_off`); undefined: it asks for none, or for too long. */
	askedWaitMs(response: ResponseHead, epochMs: number): number | undefined;
	/** The same policy with what the client's x-envoy-retry fields add. */
	withClient(headers: HeaderMap): RetryPolicy;
}
