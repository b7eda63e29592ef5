import type { FractionalPercent } from "../../../xds/generated/envoy/type/v3/percent_pb.ts";

const PER_MILLION: Readonly<Record<number, number>> = { 0: 10_000, 1: 100, 2: 1 };

/** A FractionalPercent as a share of a million, at most all of it; absent means `otherwise`. */
export function perMillion(percent: FractionalPercent | undefined, otherwise: number): number {
	if (!percent) return otherwise;
	return Math.min(1_000_000, percent.numerator * (PER_MILLION[percent.denominator] ?? 1));
}
