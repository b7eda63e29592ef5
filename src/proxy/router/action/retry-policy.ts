import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import {
	RetryPolicy_ResetHeaderFormat as ResetFormat,
	type RetryPolicy as RetryPolicyMessage,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { PreviousHostsPredicateSchema } from "../../../xds/generated/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts";
import { PreviousPrioritiesConfigSchema } from "../../../xds/generated/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts";
import { typeNameOf } from "../../../xds/type-urls.ts";
import { compileHeaderMatcher } from "../match/header-matcher.ts";
import type { ProblemList } from "../problem-list.ts";
import type { RetryPolicy } from "../retry.ts";
import { exponentialBackoff, isRetryToken, RuledRetryPolicy } from "./retry-rules.ts";

const DEFAULT_BASE_MS = 25;
/** Longest wait that an endpoint may ask for when nothing else is configured (Envoy). */
const DEFAULT_MAX_ASKED_MS = 300_000;

/** Compiles a route's or virtual host's `retry_policy`. */
export function compileRetryPolicy(message: RetryPolicyMessage, at: FieldPath, problems: ProblemList): RetryPolicy {
	const tokens = parseTokens(message.retryOn, at.field("retry_on"), problems);
	const headersAt = at.field("retriable_headers");
	const requestAt = at.field("retriable_request_headers");
	return new RuledRetryPolicy({
		tokens,
		statuses: message.retriableStatusCodes,
		headers: message.retriableHeaders.map((h, i) => compileHeaderMatcher(h, headersAt.index(i), problems)),
		requestHeaders: message.retriableRequestHeaders.map((h, i) =>
			compileHeaderMatcher(h, requestAt.index(i), problems),
		),
		maxRetries: message.numRetries ?? 1,
		perTryTimeoutMs: message.perTryTimeout ? durationMs(message.perTryTimeout) : 0,
		perTryIdleTimeoutMs: message.perTryIdleTimeout ? durationMs(message.perTryIdleTimeout) : 0,
		// Envoy asks once more when nothing is said.
		hostSelectionAttempts: Number(message.hostSelectionRetryMaxAttempts) || 1,
		avoidPreviousHosts: compileHostPredicates(message, at, problems),
		avoidPrioritiesEvery: compileRetryPriority(message.retryPriority, at.field("retry_priority"), problems),
		backoffMs: compileBackoff(message, at, problems),
		askedWaitMs: compileAskedWait(message.rateLimitedRetryBackOff, at.field("rate_limited_retry_back_off"), problems),
	});
}

function parseTokens(text: string, at: FieldPath, problems: ProblemList): Set<string> {
	const tokens = new Set<string>();
	for (const token of text.split(",").map((t) => t.trim())) {
		if (token === "") continue;
		if (isRetryToken(token)) tokens.add(token);
		else problems.add("invalid", at, `"${token}" is no retry condition`);
	}
	return tokens;
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
	return exponentialBackoff(base, max);
}

/** Reads the first of the fields that tells when to come again. */
function compileAskedWait(
	message: RetryPolicyMessage["rateLimitedRetryBackOff"],
	at: FieldPath,
	problems: ProblemList,
): RetryPolicy["askedWaitMs"] {
	if (!message) return () => undefined;
	if (message.resetHeaders.length === 0)
		problems.add("missing", at.field("reset_headers"), "no header tells when to come again", "name one");
	const maxMs = message.maxInterval ? durationMs(message.maxInterval) : DEFAULT_MAX_ASKED_MS;
	if (maxMs <= 0) problems.add("invalid", at.field("max_interval"), "the maximum must be more than zero");
	const resets = message.resetHeaders.map(({ name, format }, i) => {
		if (name === "")
			problems.add("missing", at.field("reset_headers").index(i).field("name"), "the header has no name");
		return { name: name.toLowerCase(), isTime: format === ResetFormat.UNIX_TIMESTAMP };
	});
	return (response, epochMs) => {
		for (const { name, isTime } of resets) {
			const text = response.headers.get(name);
			if (text === undefined || !/^\d{1,15}$/.test(text)) continue;
			const waitMs = isTime ? Number(text) * 1000 - epochMs : Number(text) * 1000;
			if (waitMs > 0 && waitMs <= maxMs) return waitMs;
		}
		return undefined;
	};
}
