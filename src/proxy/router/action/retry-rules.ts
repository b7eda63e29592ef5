import type { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import { type HeaderTest, testRequestHeader, testResponseHeader } from "../match/header-matcher.ts";
import type { AttemptFailure, RetryPolicy } from "../retry.ts";

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
	"per-try-idle-timeout",
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

export const isRetryToken = (token: string): boolean => KNOWN_TOKENS.has(token);

/** What a retry policy says, checked. */
export interface RetryRules
	extends Pick<
		RetryPolicy,
		| "maxRetries"
		| "perTryTimeoutMs"
		| "perTryIdleTimeoutMs"
		| "hostSelectionAttempts"
		| "avoidPreviousHosts"
		| "avoidPrioritiesEvery"
		| "backoffMs"
		| "askedWaitMs"
	> {
	readonly tokens: ReadonlySet<string>;
	/** Looked at with the token `retriable-status-codes`. */
	readonly statuses: readonly number[];
	/** Looked at with the token `retriable-headers`. */
	readonly headers: readonly HeaderTest[];
	/** One must match for a request to be sent again; empty: any request. */
	readonly requestHeaders: readonly HeaderTest[];
}

/** Fields by which clients that may do so steer retries; they do not travel on. */
const CLIENT_FIELDS = [
	"x-envoy-retry-on",
	"x-envoy-retry-grpc-on",
	"x-envoy-max-retries",
	"x-envoy-retriable-status-codes",
	"x-envoy-retriable-header-names",
] as const;

/** Takes off the fields that steer retries. */
export function dropRetryFields(headers: HeaderMap): void {
	for (const name of CLIENT_FIELDS) headers.remove(name);
}

/** Rules ready for use. */
export class RuledRetryPolicy implements RetryPolicy {
	readonly maxRetries: number;
	readonly perTryTimeoutMs: number;
	readonly perTryIdleTimeoutMs: number;
	readonly hostSelectionAttempts: number;
	readonly avoidPreviousHosts: boolean;
	readonly avoidPrioritiesEvery: number;
	readonly #rules: RetryRules;
	readonly #statuses: ReadonlySet<number>;
	readonly #statusTests: readonly ((status: number) => boolean)[];
	readonly #grpc: ReadonlySet<number>;
	readonly #headers: readonly HeaderTest[];
	readonly #failures: ReadonlySet<AttemptFailure>;

	constructor(rules: RetryRules) {
		const { tokens } = rules;
		this.#rules = rules;
		this.maxRetries = rules.maxRetries;
		this.perTryTimeoutMs = rules.perTryTimeoutMs;
		this.perTryIdleTimeoutMs = rules.perTryIdleTimeoutMs;
		this.hostSelectionAttempts = rules.hostSelectionAttempts;
		this.avoidPreviousHosts = rules.avoidPreviousHosts;
		this.avoidPrioritiesEvery = rules.avoidPrioritiesEvery;
		this.#statuses = new Set(tokens.has("retriable-status-codes") ? rules.statuses : []);
		this.#statusTests = [...tokens].flatMap((token) => ON_STATUS[token] ?? []);
		this.#grpc = new Set([...tokens].flatMap((token) => ON_GRPC[token] ?? []));
		this.#headers = tokens.has("retriable-headers") ? rules.headers : [];
		this.#failures = new Set([...tokens].flatMap((token) => ON_FAILURE[token] ?? []));
	}

	retriesRequest(request: RequestHead): boolean {
		const { requestHeaders } = this.#rules;
		return requestHeaders.length === 0 || requestHeaders.some((header) => testRequestHeader(header, request));
	}

	retriesResponse(response: ResponseHead): boolean {
		// A rate limited answer is only tried again on its own token.
		if (response.headers.has("x-envoy-ratelimited")) return this.#rules.tokens.has("envoy-ratelimited");
		const { status } = response;
		if (this.#statuses.has(status) || this.#statusTests.some((test) => test(status))) return true;
		if (this.#headers.some((h) => testResponseHeader(h, response))) return true;
		if (this.#grpc.size === 0) return false;
		const grpcStatus = response.headers.get("grpc-status");
		return grpcStatus !== undefined && this.#grpc.has(Number(grpcStatus));
	}

	retriesFailure(failure: AttemptFailure): boolean {
		return this.#failures.has(failure);
	}

	backoffMs(retry: number, unit: number): number {
		return this.#rules.backoffMs(retry, unit);
	}

	askedWaitMs(response: ResponseHead, epochMs: number): number | undefined {
		return this.#rules.askedWaitMs(response, epochMs);
	}

	withClient(headers: HeaderMap): RetryPolicy {
		const tokens = listOf(headers, "x-envoy-retry-on").concat(listOf(headers, "x-envoy-retry-grpc-on"));
		const statuses = listOf(headers, "x-envoy-retriable-status-codes").map(Number).filter(Number.isInteger);
		const names = listOf(headers, "x-envoy-retriable-header-names").map(presence);
		const most = headers.get("x-envoy-max-retries");
		const rules = this.#rules;
		return new RuledRetryPolicy({
			...rules,
			tokens: new Set([...rules.tokens, ...tokens.filter(isRetryToken)]),
			statuses: [...rules.statuses, ...statuses],
			headers: [...rules.headers, ...names],
			maxRetries: most !== undefined && /^\d{1,9}$/.test(most) ? Number(most) : rules.maxRetries,
		});
	}
}

const BASE_MS = 25;

/** For routes without a policy, whose clients ask for retries: Envoy's defaults. */
export const CLIENT_ONLY_POLICY: RetryPolicy = new RuledRetryPolicy({
	tokens: new Set(),
	statuses: [],
	headers: [],
	requestHeaders: [],
	maxRetries: 1,
	perTryTimeoutMs: 0,
	perTryIdleTimeoutMs: 0,
	hostSelectionAttempts: 1,
	avoidPreviousHosts: false,
	avoidPrioritiesEvery: 0,
	backoffMs: exponentialBackoff(BASE_MS, 10 * BASE_MS),
	askedWaitMs: () => undefined,
});

/** Fully jittered exponential back-off: a share of base, 2 base, 4 base ... up to the maximum. */
export function exponentialBackoff(baseMs: number, maxMs: number): RetryPolicy["backoffMs"] {
	return (retry, unit) => unit * Math.min(maxMs, baseMs * 2 ** (retry - 1));
}

function listOf(headers: HeaderMap, name: string): string[] {
	const text = headers.getJoined(name);
	return text === undefined ? [] : text.split(",").map((entry) => entry.trim());
}

function presence(name: string): HeaderTest {
	return { name: name.toLowerCase(), every: false, exact: undefined, test: (value) => value !== undefined };
}
