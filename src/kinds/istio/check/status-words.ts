/** Conditions that `retryOn` knows besides HTTP status codes (Envoy's x-envoy-retry-on and x-envoy-retry-grpc-on). */
const RETRY_CONDITIONS = new Set([
	"5xx",
	"gateway-error",
	"reset",
	"reset-before-request",
	"connect-failure",
	"retriable-4xx",
	"refused-stream",
	"retriable-status-codes",
	"retriable-headers",
	"envoy-ratelimited",
	"http3-post-connect-failure",
	"cancelled",
	"deadline-exceeded",
	"internal",
	"resource-exhausted",
	"unavailable",
]);

export function isRetryCondition(word: string): boolean {
	return RETRY_CONDITIONS.has(word) || /^[1-5]\d\d$/.test(word);
}

const GRPC_STATUSES = new Set([
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
	"DATA_LOSS",
	"UNAUTHENTICATED",
]);

export function isGrpcStatus(name: string): boolean {
	return GRPC_STATUSES.has(name);
}
