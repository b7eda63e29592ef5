/** Results of one host over one interval. */
export interface RateTally {
	total: number;
	success: number;
}

/** A host with what the last interval says of it. */
export interface MeasuredHost<H> {
	readonly host: H;
	/** Percent of its requests that succeeded. */
	readonly rate: number;
	readonly total: number;
}

interface RateConfig {
	readonly minimumHosts: number;
	readonly requestVolume: number;
}

/** What success rates were compared with, percent. */
export interface SuccessRateBounds {
	readonly mean: number;
	readonly threshold: number;
}

/** Hosts whose success rate lies more than `stdevFactor` standard deviations below the mean of all (Envoy: success rate). */
export function failedBySuccessRate<H>(
	all: readonly MeasuredHost<H>[],
	config: RateConfig & { readonly stdevFactor: number },
): { readonly failed: readonly MeasuredHost<H>[]; readonly bounds: SuccessRateBounds | undefined } {
	const measured = enough(all, config);
	if (measured.length === 0) return { failed: [], bounds: undefined };
	const mean = measured.reduce((sum, { rate }) => sum + rate, 0) / measured.length;
	const variance = measured.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / measured.length;
	const threshold = mean - config.stdevFactor * Math.sqrt(variance);
	return { failed: measured.filter(({ rate }) => rate < threshold), bounds: { mean, threshold } };
}

/** Hosts of which at least `thresholdPercent` of the requests failed (Envoy: failure percentage). */
export function failedByPercentage<H>(
	all: readonly MeasuredHost<H>[],
	config: RateConfig & { readonly thresholdPercent: number },
): readonly MeasuredHost<H>[] {
	return enough(all, config).filter(({ rate }) => 100 - rate >= config.thresholdPercent);
}

/** The hosts with enough requests, or none when those are too few to compare. */
function enough<H>(
	all: readonly MeasuredHost<H>[],
	{ minimumHosts, requestVolume }: RateConfig,
): readonly MeasuredHost<H>[] {
	const measured = all.filter(({ total }) => total >= requestVolume);
	return measured.length >= minimumHosts ? measured : [];
}
