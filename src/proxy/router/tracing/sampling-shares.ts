import type { FractionalPercent } from "../../../xds/generated/envoy/type/v3/percent_pb.ts";

/** A share as Envoy keeps it: so many of so many. */
export interface Share {
	readonly of: number;
	readonly wanted: number;
}

/** Shares of requests that are traced: those whose client asks for it, those chosen by chance, and of all that would be. */
export interface SamplingShares {
	readonly client: Share;
	readonly random: Share;
	readonly overall: Share;
}

const DENOMINATORS: Readonly<Record<number, number>> = { 0: 100, 1: 10_000, 2: 1_000_000 };
const ALL: Share = { of: 100, wanted: 100 };

/** A share from its message; all of them when it is not set. */
export function shareOf(percent: FractionalPercent | undefined): Share {
	return percent ? { of: DENOMINATORS[percent.denominator] ?? 100, wanted: percent.numerator } : ALL;
}
