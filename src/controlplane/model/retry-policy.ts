import type { ObjectReader } from "./object-reader.ts";

/** `HTTPRetry`; undefined fields take the built-in values when translated. */
export interface RetryPolicy {
	/** 0 turns retries off. */
	readonly attempts: number;
	readonly perTryTimeoutMs: number | undefined;
	/** Condition words and status codes; empty means the built-in list. */
	readonly retryOn: readonly string[];
	readonly retryRemoteLocalities: boolean;
	readonly retryIgnorePreviousHosts: boolean | undefined;
	readonly backoffMs: number | undefined;
}

/** Words of `retryOn` (Envoy's `x-envoy-retry-on` and `x-envoy-retry-grpc-on`). */
const RETRY_ON = new Set([
	"5xx",
	"gateway-error",
	"reset",
	"reset-before-request",
	"connect-failure",
	"envoy-ratelimited",
	"refused-stream",
	"retriable-4xx",
	"retriable-status-codes",
	"retriable-headers",
	"http3-post-connect-failure",
	"cancelled",
	"deadline-exceeded",
	"internal",
	"resource-exhausted",
	"unavailable",
]);
const STATUS_CODE = /^[1-5]\d\d$/;

export function readRetryPolicy(r: ObjectReader): RetryPolicy {
	const attempts = r.number("attempts") ?? 0;
	if (!Number.isInteger(attempts) || attempts < 0) r.malformed("attempts", "must be a whole number of at least 0");
	const retryOn = (r.string("retryOn") ?? "")
		.split(",")
		.map((word) => word.trim())
		.filter((word) => word !== "");
	for (const word of retryOn)
		if (!RETRY_ON.has(word) && !STATUS_CODE.test(word)) r.malformed("retryOn", `"${word}" is not a retry condition`);
	return {
		attempts,
		perTryTimeoutMs: r.durationMs("perTryTimeout"),
		retryOn,
		retryRemoteLocalities: r.boolean("retryRemoteLocalities") ?? false,
		retryIgnorePreviousHosts: r.boolean("retryIgnorePreviousHosts"),
		backoffMs: r.durationMs("backoff"),
	};
}
