import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { RetryPolicy as RetryPolicyMessage } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { PreviousHostsPredicateSchema } from "../../../xds/generated/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts";
import { PreviousPrioritiesConfigSchema } from "../../../xds/generated/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts";
import { typeNameOf } from "../../../xds/type-urls.ts";
import type { ResponseHead } from "../../http/message.ts";
import { compileHeaderMatcher, type HeaderTest, testResponseHeader } from "../match/header-matcher.ts";
import type { ProblemList } from "../problem-list.ts";
import type { AttemptFailure, RetryPolicy } from "../retry.ts";

const DEFAULT_BASE_MS = 25;

/** Tokens of `retry_on` about responses: token → does this response ask for a retry (Envoy: x-envoy-retry-on). */
const ON_STATUS: Readonly<Record<string, (status: number) => boolean>> = {
	"5xx": (status) => status >= 500 && status < 600,
	"gateway-error": (status) => status === 502 || status === 503 || status === 504,
	"retriable-4xx": (status) => status === 409,
};

/** gRPC status numbers by their `retry_on` token (Envoy: x-envoy-retry-grpc-on). */
const ON_GRPC: Readonly<Record<string, number>> = {
	cancelled: 1,
	"deadline-exceeded": 4,
	"resource-exhausted": 8,
	internal: 13,
	unavailable: 14,
};

const NO_ANSWER: readonly AttemptFailure[] = [
	"connect-failure",
	"connect-timeout",
	"reset-before-request",
	"reset",
	"refused-stream",
	"per-try-timeout",
];

/** Failures without a response that a token covers; `overflow` is never among them. */
const ON_FAILURE: Readonly<Record<string, readonly AttemptFailure[]>> = {
	"5xx": NO_ANSWER,
	"gateway-error": NO_ANSWER,
	reset: NO_ANSWER,
	"reset-before-request": ["connect-failure", "connect-timeout", "reset-before-request"],
	"connect-failure": ["connect-failure", "connect-timeout"],
	"refused-stream": ["refused-stream"],
};

const KNOWN_TOKENS: ReadonlySet<string> = new Set([
	...Object.keys(ON_STATUS),
	...Object.keys(ON_GRPC),
	...Object.keys(ON_FAILURE),
	"envoy-ratelimited",
	"retriable-status-codes",
	"retriable-headers",
	// HTTP/3 only; there is no such upstream here, so there is never anything to retry.
	"http3-post-connect-failure",
]);

interface Conditions {
	readonly statuses: ReadonlySet<number>;
	readonly statusTests: readonly ((status: number) => boolean)[];
	readonly grpc: ReadonlySet<number>;
	readonly rateLimited: boolean;
	readonly headers: readonly HeaderTest[];
}

/** Compiles a route's or virtual host's `retry_policy`. */
export function compileRetryPolicy(message: RetryPolicyMessage, at: FieldPath, problems: ProblemList): RetryPolicy {
	const tokens = parseTokens(message.retryOn, at.field("retry_on"), problems);
	const conditions = compileConditions(message, tokens, at, problems);
	const failures = new Set([...tokens].flatMap((token) => ON_FAILURE[token] ?? []));
	return {
		maxRetries: message.numRetries ?? 1,
		perTryTimeoutMs: message.perTryTimeout ? durationMs(message.perTryTimeout) : 0,
		perTryIdleTimeoutMs: message.perTryIdleTimeout ? durationMs(message.perTryIdleTimeout) : 0,
		// Envoy asks once more when nothing is said.
		hostSelectionAttempts: Number(message.hostSelectionRetryMaxAttempts) || 1,
		avoidPreviousHosts: compileHostPredicates(message, at, problems),
		avoidPrioritiesEvery: compileRetryPriority(message.retryPriority, at.field("retry_priority"), problems),
		retriesResponse: (response) => retriesResponse(conditions, response),
		retriesFailure: (failure) => failures.has(failure),
		backoffMs: compileBackoff(message, at, problems),
	};
}

function parseTokens(text: string, at: FieldPath, problems: ProblemList): Set<string> {
	const tokens = new Set<string>();
	for (const token of text.split(",").map((t) => t.trim())) {
		if (token === "") continue;
		if (KNOWN_TOKENS.has(token)) tokens.add(token);
		else problems.add("invalid", at, `"${token}" is no retry condition`);
	}
	return tokens;
}

function compileConditions(
	message: RetryPolicyMessage,
	tokens: ReadonlySet<string>,
	at: FieldPath,
	problems: ProblemList,
): Conditions {
	const headers = message.retriableHeaders.map((h, i) =>
		compileHeaderMatcher(h, at.field("retriable_headers").index(i), problems),
	);
	return {
		statuses: new Set(tokens.has("retriable-status-codes") ? message.retriableStatusCodes : []),
		statusTests: [...tokens].flatMap((token) => ON_STATUS[token] ?? []),
		grpc: new Set([...tokens].flatMap((token) => ON_GRPC[token] ?? [])),
		rateLimited: tokens.has("envoy-ratelimited"),
		headers: tokens.has("retriable-headers") ? headers : [],
	};
}

function retriesResponse(on: Conditions, response: ResponseHead): boolean {
	// A rate limited answer is only tried again on its own token.
	if (response.headers.has("x-envoy-ratelimited")) return on.rateLimited;
	if (on.statuses.has(response.status) || on.statusTests.some((test) => test(response.status))) return true;
	if (on.headers.some((h) => testResponseHeader(h, response))) return true;
	if (on.grpc.size === 0) return false;
	const grpcStatus = response.headers.get("grpc-status");
	return grpcStatus !== undefined && on.grpc.has(Number(grpcStatus));
}

function compileHostPredicates(message: RetryPolicyMessage, at: FieldPath, problems: ProblemList): boolean {
	let avoidPrevious = false;
	message.retryHostPredicate.forEach((predicate, i) => {
		const type = predicate.configType.value ? typeNameOf(predicate.configType.value.typeUrl) : "";
		if (
			type === PreviousHostsPredicateSchema.typeName ||
			(type === "" && predicate.name === "envoy.retry_host_predicates.previous_hosts")
		)
			avoidPrevious = true;
		else
			problems.notImplemented(
				at.field("retry_host_predicate").index(i),
				`the retry host predicate ${predicate.name || type}`,
			);
	});
	return avoidPrevious;
}

function compileRetryPriority(
	message: RetryPolicyMessage["retryPriority"],
	at: FieldPath,
	problems: ProblemList,
): number {
	if (!message) return 0;
	const config = unpackAs(message.configType.value, PreviousPrioritiesConfigSchema);
	if (!config) {
		problems.notImplemented(at, `the retry priority ${message.name || message.configType.value?.typeUrl}`);
		return 0;
	}
	if (config.updateFrequency < 1)
		problems.add("invalid", at.field("typed_config").field("update_frequency"), "it must be at least 1");
	return config.updateFrequency;
}

/** Fully jittered exponential back-off: a share of base, 2 base, 4 base ... up to the maximum (10 base when not set). */
function compileBackoff(message: RetryPolicyMessage, at: FieldPath, problems: ProblemList): RetryPolicy["backoffMs"] {
	const backoff = message.retryBackOff;
	const base = backoff?.baseInterval ? durationMs(backoff.baseInterval) : DEFAULT_BASE_MS;
	const max = backoff?.maxInterval ? durationMs(backoff.maxInterval) : 10 * base;
	const backoffAt = at.field("retry_back_off");
	if (backoff && !backoff.baseInterval)
		problems.add("missing", backoffAt.field("base_interval"), "the back-off has no base interval");
	if (base <= 0) problems.add("invalid", backoffAt.field("base_interval"), "the base interval must be more than zero");
	if (max < base)
		problems.add("invalid", backoffAt.field("max_interval"), "the maximum interval is less than the base interval");
	return (retry, unit) => unit * Math.min(max, base * 2 ** (retry - 1));
}
