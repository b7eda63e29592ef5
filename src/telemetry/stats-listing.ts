import { BucketHistogram, DEFAULT_BUCKETS } from "./bucket-histogram.ts";
import { ENVOY_QUANTILES, LogLinearHistogram } from "./log-linear-histogram.ts";
import type { MetricRegistry, StatEntry, StatKind } from "./metric-registry.ts";
import type { Counter } from "./metrics.ts";
import { isUsed } from "./prometheus-text.ts";

export interface ListingOptions {
	readonly usedOnly: boolean;
	readonly kind: StatKind | undefined;
	readonly keep: ((name: string) => boolean) | undefined;
	/** How many numbers each bucket holds instead of quantiles; in text only. */
	readonly buckets?: "cumulative" | "disjoint" | undefined;
}

/** Envoy's `/stats`: one `name: value` line per stat, counters and gauges first, then histograms with their quantiles. */
export function formatStatsText(registry: MetricRegistry, options: ListingOptions): string {
	const { scalars, histograms } = collect(registry, options);
	const lines = scalars.map(([name, value]) => `${name}: ${value}`);
	for (const [name, histogram] of histograms) lines.push(`${name}: ${histogramText(histogram, options.buckets)}`);
	return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** Envoy's `/stats?format=json`: `{stats: [{name, value}..., {histograms: {supported_quantiles, computed_quantiles}}]}`. */
export function formatStatsJson(registry: MetricRegistry, options: ListingOptions): string {
	const { scalars, histograms } = collect(registry, options);
	const stats: unknown[] = scalars.map(([name, value]) => ({ name, value }));
	if (histograms.length > 0)
		stats.push({
			histograms: {
				supported_quantiles: ENVOY_QUANTILES.map((q) => q * 100),
				computed_quantiles: histograms.map(([name, histogram]) => ({
					name,
					values: ENVOY_QUANTILES.map((q) => ({ interval: null, cumulative: jsonNumber(histogram.quantile(q)) })),
				})),
			},
		});
	return JSON.stringify({ stats });
}

interface Collected {
	readonly scalars: [name: string, value: number][];
	readonly histograms: [name: string, histogram: LogLinearHistogram][];
}

function collect(registry: MetricRegistry, options: ListingOptions): Collected {
	const scalars: [string, number][] = [];
	const histograms: [string, LogLinearHistogram][] = [];
	const wanted = (entry: { name: string; kind: StatKind }) =>
		(!options.kind || entry.kind === options.kind) && (!options.keep || options.keep(entry.name));
	for (const entry of registry.stats()) {
		if (!wanted(entry) || (options.usedOnly && !isUsed(entry.cell))) continue;
		addEntry(entry, scalars, histograms);
	}
	for (const { options: family, kind, series } of seriesOf(registry)) {
		for (const { labelValues, metric } of series) {
			const name = [family.name, ...family.labels.flatMap((label, i) => [label, labelValues[i]])].join(".");
			if (!wanted({ name, kind })) continue;
			if (metric instanceof BucketHistogram) scalars.push([`${name}.count`, metric.count], [`${name}.sum`, metric.sum]);
			else scalars.push([name, (metric as Counter).value]);
		}
	}
	scalars.sort(byName);
	histograms.sort(byName);
	return { scalars, histograms };
}

function* seriesOf(registry: MetricRegistry) {
	for (const family of registry.families())
		yield { options: family.options, kind: family.kind, series: family.series() };
}

function addEntry(entry: StatEntry, scalars: [string, number][], histograms: [string, LogLinearHistogram][]): void {
	if (entry.cell instanceof LogLinearHistogram) histograms.push([entry.name, entry.cell]);
	else scalars.push([entry.name, entry.cell.value]);
}

function histogramText(histogram: LogLinearHistogram, buckets: ListingOptions["buckets"]): string {
	if (!buckets) return quantilesText(histogram);
	let below = 0;
	const parts = DEFAULT_BUCKETS.map((bound) => {
		const total = histogram.countAtMost(bound);
		const shown = buckets === "cumulative" ? total : total - below;
		below = total;
		return `B${bucketName(bound)}(0,${shown})`;
	});
	return parts.join(" ");
}

/** As C prints `%g`. */
function bucketName(bound: number): string {
	if (bound < 1e6) return String(bound);
	return bound.toExponential().replace(/e\+(\d)$/, "e+0$1");
}

function quantilesText(histogram: LogLinearHistogram): string {
	if (histogram.count === 0) return "No recorded values";
	return ENVOY_QUANTILES.map((q) => `P${q * 100}(nan,${round(histogram.quantile(q))})`).join(" ");
}

const round = (value: number) => Number(value.toPrecision(6));
const jsonNumber = (value: number) => (Number.isNaN(value) ? null : round(value));
const byName = (a: readonly [string, unknown], b: readonly [string, unknown]) =>
	a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
