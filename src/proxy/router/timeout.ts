import type { RequestHead } from "../http/message.ts";
import type { ForwardAction, StreamDuration } from "./route-match.ts";

/** Milliseconds; 0 = none. */
export interface RequestTimeouts {
	readonly timeoutMs: number;
	readonly perTryTimeoutMs: number;
	/** A timeout is answered with 204 instead of 504. */
	readonly altResponse: boolean;
}

const GRPC_UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * The time limits of one request (Envoy: FilterUtility::finalTimeout): the route's, or a gRPC client's `grpc-timeout` where
 * the route honours it, or what `x-envoy-upstream-rq-timeout-ms` says. Reads and removes the x-envoy-upstream-rq headers;
 * the connection manager has dropped them before when the client is not to be trusted with them.
 */
export function requestTimeouts(
	request: RequestHead,
	forward: ForwardAction,
	respectsExpected = false,
): RequestTimeouts {
	const { headers } = request;
	const grpcTimeoutMs =
		forward.maxGrpcTimeoutMs === undefined ? undefined : clientGrpcTimeout(request, forward, forward.maxGrpcTimeoutMs);
	const expected = respectsExpected ? headers.get("x-envoy-expected-rq-timeout-ms") : undefined;
	const asked = expected === undefined ? takeMs(request, "x-envoy-upstream-rq-timeout-ms") : parseMs(expected);
	const askedPerTry = takeMs(request, "x-envoy-upstream-rq-per-try-timeout-ms");
	const altResponse = headers.has("x-envoy-upstream-rq-timeout-alt-response");
	if (altResponse) headers.remove("x-envoy-upstream-rq-timeout-alt-response");
	const timeoutMs = asked ?? grpcTimeoutMs ?? forward.timeoutMs;
	const perTry = askedPerTry ?? forward.retryPolicy?.perTryTimeoutMs ?? 0;
	// A try that outlives the whole request needs no timer of its own.
	return { timeoutMs, perTryTimeoutMs: timeoutMs > 0 && perTry >= timeoutMs ? 0 : perTry, altResponse };
}

function clientGrpcTimeout(request: RequestHead, forward: ForwardAction, maxMs: number): number | undefined {
	const contentType = request.headers.get("content-type");
	if (!contentType?.startsWith("application/grpc")) return undefined;
	const asked = parseGrpcTimeoutMs(request.headers.get("grpc-timeout"));
	// Without a deadline of its own a gRPC call gets the most that the route allows.
	if (asked === undefined) return maxMs;
	const offset = forward.grpcTimeoutOffsetMs;
	const shortened = offset < asked ? asked - offset : asked;
	return maxMs > 0 ? Math.min(maxMs, shortened) : shortened;
}

/** `1500m` → 1500; undefined when absent or malformed (gRPC over HTTP/2: at most 8 digits and a unit). */
export function parseGrpcTimeoutMs(text: string | undefined): number | undefined {
	const parts = text === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(text);
	return parts ? Math.ceil(Number(parts[1]) * GRPC_UNIT_MS[parts[2]!]!) : undefined;
}

function takeMs(request: RequestHead, name: string): number | undefined {
	const text = request.headers.get(name);
	if (text === undefined) return undefined;
	request.headers.remove(name);
	return parseMs(text);
}

function parseMs(text: string): number | undefined {
	return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** How long the stream of a request may last in all (Envoy: refreshDurationTimeout), `otherwiseMs` where its route says nothing; 0 = any. */
export function streamDurationMs(
	request: RequestHead,
	limits: StreamDuration | undefined,
	otherwiseMs: number,
): number {
	if (!limits) return otherwiseMs;
	const asked = limits.grpcMaxMs === undefined ? undefined : parseGrpcTimeoutMs(request.headers.get("grpc-timeout"));
	if (asked === undefined) return limits.maxMs ?? otherwiseMs;
	const capped = limits.grpcMaxMs ? Math.min(asked, limits.grpcMaxMs) : asked;
	// What is used up already still has to fire.
	return Math.max(1, capped - limits.grpcOffsetMs);
}
