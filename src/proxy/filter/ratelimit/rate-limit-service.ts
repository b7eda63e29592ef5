import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { RateLimitDescriptorSchema } from "../../../xds/generated/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts";
import {
	RateLimitResponse_Code as Code,
	type RateLimitResponse_DescriptorStatus as DescriptorStatus,
	RateLimitRequestSchema,
	type RateLimitResponse,
	RateLimitResponseSchema,
} from "../../../xds/generated/envoy/service/ratelimit/v3/rls_pb.ts";
import type { SideCall, SideCalls } from "../../http/side-calls.ts";
import type { RateLimitDescriptor } from "../../router/rate-limit/descriptor.ts";
import type { GrpcTarget } from "../grpc-service.ts";
import { callUnary } from "../grpc-unary.ts";

const METHOD = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";

/** What the service said, or that it could not be asked. */
export type LimitDecision =
	| { readonly kind: "error" }
	| {
			readonly kind: "ok" | "over-limit";
			readonly statuses: readonly LimitStatus[];
			readonly responseHeaders: Pairs;
			readonly requestHeaders: Pairs;
			readonly body: Uint8Array;
			readonly metadata: Readonly<Record<string, unknown>> | undefined;
	  };

type Pairs = readonly (readonly [string, string])[];

/** One descriptor's limit, where the service told it. */
export interface LimitStatus {
	readonly requestsPerUnit: number;
	/** Seconds of one unit. */
	readonly windowS: number;
	readonly name: string;
	readonly remaining: number;
	/** Whole seconds. */
	readonly resetS: number;
	readonly overLimit: boolean;
}

/** Asks `envoy.service.ratelimit.v3.RateLimitService`. */
export function askRateLimit(
	calls: SideCalls,
	target: GrpcTarget,
	question: { readonly domain: string; readonly descriptors: readonly RateLimitDescriptor[] },
	done: (decision: LimitDecision) => void,
): SideCall {
	const request = create(RateLimitRequestSchema, {
		domain: question.domain,
		descriptors: question.descriptors.map(descriptorMessage),
	});
	const message = toBinary(RateLimitRequestSchema, request);
	return callUnary(calls, { ...target, path: METHOD, message }, (outcome) => {
		const response = outcome.kind === "message" ? decode(outcome.message) : undefined;
		done(response ? readResponse(response) : { kind: "error" });
	});
}

function descriptorMessage({
	entries,
	limit,
	hitsAddend,
	negativeHits,
}: RateLimitDescriptor): MessageInitShape<typeof RateLimitDescriptorSchema> {
	return {
		entries: entries.map(({ key, value }) => ({ key, value })),
		...(limit && { limit }),
		...(hitsAddend !== undefined && { hitsAddend: BigInt(hitsAddend) }),
		isNegativeHits: negativeHits,
	};
}

/** Undefined for bytes that are no answer: the service is broken. */
function decode(bytes: Uint8Array): RateLimitResponse | undefined {
	try {
		return fromBinary(RateLimitResponseSchema, bytes);
	} catch {
		return undefined;
	}
}

function readResponse(response: RateLimitResponse): LimitDecision {
	return {
		kind: response.overallCode === Code.OVER_LIMIT ? "over-limit" : "ok",
		statuses: response.statuses.flatMap((status) => statusOf(status) ?? []),
		responseHeaders: pairs(response.responseHeadersToAdd),
		requestHeaders: pairs(response.requestHeadersToAdd),
		body: response.rawBody,
		metadata: response.dynamicMetadata,
	};
}

const BREAKS = /[\r\n\0]/g;

function pairs(headers: RateLimitResponse["responseHeadersToAdd"]): Pairs {
	return headers.map(({ key, value }) => [key.toLowerCase(), value.replace(BREAKS, " ")] as const);
}

/** By `RateLimitResponse.RateLimit.Unit`. */
const UNIT_S: Readonly<Record<number, number>> = {
	1: 1,
	2: 60,
	3: 3600,
	4: 86_400,
	5: 2_592_000,
	6: 31_536_000,
	7: 604_800,
};

function statusOf({
	code,
	currentLimit,
	limitRemaining,
	durationUntilReset,
}: DescriptorStatus): LimitStatus | undefined {
	if (!currentLimit) return undefined;
	return {
		requestsPerUnit: currentLimit.requestsPerUnit,
		windowS: UNIT_S[currentLimit.unit] ?? 0,
		name: currentLimit.name,
		remaining: limitRemaining,
		resetS: durationUntilReset ? Math.floor(durationMs(durationUntilReset) / 1000) : 0,
		overLimit: code === Code.OVER_LIMIT,
	};
}
