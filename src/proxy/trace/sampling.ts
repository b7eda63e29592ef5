import type { Random } from "../../lib/random.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { SamplingShares, Share } from "../router/tracing/sampling-shares.ts";

/** How x-request-id and the decision go together (Envoy: UUID request id extension). */
export interface RequestIdRules {
	/** Write the decision into the id. */
	readonly packReason: boolean;
	/** Take it from the id; otherwise every request is a candidate. */
	readonly useForSampling: boolean;
}

/** Why a request is traced, or that it is not. */
export type TraceReason = "not-traceable" | "sampling" | "service-forced" | "client-forced";

/** Character 14 of the id says the reason. */
const REASONS: Readonly<Record<string, TraceReason>> = { "9": "sampling", a: "service-forced", b: "client-forced" };
const MARKS: Readonly<Record<TraceReason, string>> = {
	"not-traceable": "4",
	sampling: "9",
	"service-forced": "a",
	"client-forced": "b",
};
const MARK_AT = 14;
const ID_LENGTH = 36;

/**
 * Decides whether a request is traced and writes the decision into its id. A decision that is already in the id stays, so that all
 * proxies of a trace decide alike.
 */
export function decideTracing(
	headers: HeaderMap,
	shares: SamplingShares,
	rules: RequestIdRules,
	random: Random,
): TraceReason {
	if (!rules.useForSampling) return "sampling";
	const id = headers.get("x-request-id");
	const dice = id === undefined ? Number.NaN : Number.parseInt(id.slice(0, 8), 16);
	if (id === undefined || id.length !== ID_LENGTH || Number.isNaN(dice)) return "not-traceable";
	const before = REASONS[id.charAt(MARK_AT)] ?? "not-traceable";
	let reason = before;
	// The id itself is the dice: every proxy throws the same.
	const thrown = dice % 10_000;
	if (reason === "not-traceable") reason = freshReason(headers, shares, thrown, random);
	if (reason !== "not-traceable" && !hits(shares.overall, thrown)) reason = "not-traceable";
	if (reason !== before && rules.packReason)
		headers.set("x-request-id", id.slice(0, MARK_AT) + MARKS[reason] + id.slice(MARK_AT + 1));
	return reason;
}

function freshReason(headers: HeaderMap, shares: SamplingShares, thrown: number, random: Random): TraceReason {
	if (headers.has("x-client-trace-id") && hits(shares.client, random.below(shares.client.of))) return "client-forced";
	if (headers.has("x-envoy-force-trace")) return "service-forced";
	return hits(shares.random, thrown) ? "sampling" : "not-traceable";
}

function hits({ of, wanted }: Share, thrown: number): boolean {
	return thrown % of < wanted;
}
