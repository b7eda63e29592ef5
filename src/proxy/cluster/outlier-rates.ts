/** Results of one host over one interval. */
export interface RateTally {
	total: number;
	success: number;
}

interface Measured<H> {
	readonly host: H;
	readonly tally: RateTally;
}

interface RateConfig {
	readonly minimumHosts: number;
	readonly requestVolume: number;
}

/** Hosts whose success rate lies more than `stdevFactor` standard deviations below the mean of all (Envoy: success rate). */
export function failedBySuccessRate<H>(
	all: readonly Measured<H>[],
	config: RateConfig & { readonly stdevFactor: number },
): H[] {
	const rates = enough(all, config);
	if (rates.length === 0) return [];
	const mean = rates.reduce((sum, { rate }) => sum + rate, 0) / rates.length;
	const variance = rates.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / rates.length;
	const threshold = mean - config.stdevFactor * Math.sqrt(variance);
	return rates.filter(({ rate }) => rate < threshold).map(({ host }) => host);
}

/** Hosts of which at least `thresholdPercent` of the requests failed (Envoy: failure percentage). */
export function failedByPercentage<H>(
	all: readonly Measured<H>[],
	config: RateConfig & { readonly thresholdPercent: number },
): H[] {
	return enough(all, config)
		.filter(({ rate }) => 100 - rate >= config.thresholdPercent)
		.map(({ host }) => host);
}

/** The hosts with enough requests, or none when those are too few to compare. */
function enough<H>(all: readonly Measured<H>[], { minimumHosts, requestVolume }: RateConfig) {
	if (all.length < minimumHosts) return [];
	const measured = all
		.filter(({ tally }) => tally.total >= Math.max(1, requestVolume))
		.map(({ host, tally }) => ({ host, rate: (100 * tally.success) / tally.total }));
	return measured.length >= minimumHosts ? measured : [];
}
