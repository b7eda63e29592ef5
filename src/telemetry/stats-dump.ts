import type { BucketHistogram } from "./bucket-histogram.ts";
import type { HistogramSnapshot, LogLinearHistogram } from "./log-linear-histogram.ts";
import type { FamilyKind, FamilyOptions } from "./metric-family.ts";
import { MetricRegistry, type StatKind, type StatRules } from "./metric-registry.ts";
import type { Counter, Gauge } from "./metrics.ts";

/** What a registry holds, in a form that can be sent to another thread. */
export interface StatsDump {
	readonly scopes: readonly { readonly prefix: string; readonly stats: readonly DumpedStat[] }[];
	readonly families: readonly {
		readonly kind: FamilyKind;
		readonly options: FamilyOptions;
		readonly series: readonly { readonly labelValues: readonly string[]; readonly value: number | HistogramSnapshot }[];
	}[];
}

type DumpedStat = readonly [name: string, kind: StatKind, value: number | HistogramSnapshot];

export function dumpStats(registry: MetricRegistry): StatsDump {
	const read = (cell: unknown): number | HistogramSnapshot =>
		(cell as Partial<LogLinearHistogram>).snapshot?.() ?? (cell as Counter).value;
	return {
		scopes: [...registry.scopes()].map(({ prefix, entries }) => ({
			prefix,
			stats: [...entries].map(([name, { kind, cell }]): DumpedStat => [name, kind, read(cell)]),
		})),
		families: [...registry.families()].map((family) => ({
			kind: family.kind,
			options: family.options,
			series: [...family.series()].map(({ labelValues, metric }) => ({ labelValues, value: read(metric) })),
		})),
	};
}

/** Every thread has the same configuration: stats that tell of it, or of the process, are the first thread's alone. */
const OF_THE_PROCESS = /^(server|cluster_manager|listener_manager|control_plane|runtime|tracing|main_thread)\./;
const OF_THE_CONFIGURATION =
	/^(membership_|update_|version|max_host_weight|warming_state|assignment_|lb_subsets_active)/;

/** One registry with the sum of all threads' stats, for reading; the first dump is the main thread's. */
export function mergeDumps([first, ...others]: readonly StatsDump[], rules?: StatRules): MetricRegistry {
	const merged = new MetricRegistry();
	merged.setRules(rules);
	if (first) add(merged, first, () => true);
	for (const dump of others)
		add(merged, dump, (prefix, name) => !OF_THE_PROCESS.test(prefix) && !OF_THE_CONFIGURATION.test(name));
	return merged;
}

function add(into: MetricRegistry, dump: StatsDump, wanted: (prefix: string, name: string) => boolean): void {
	for (const { prefix, stats } of dump.scopes) {
		const scope = into.scope(prefix);
		for (const [name, kind, value] of stats) if (wanted(prefix, name)) ADD[kind](scope[kind](name), value);
	}
	for (const { kind, options, series } of dump.families) {
		const family = into[`${kind}Family`](options);
		for (const { labelValues, value } of series) ADD[kind](family.with(...labelValues), value);
	}
}

type Value = number | HistogramSnapshot;

const ADD: Readonly<Record<StatKind, (metric: unknown, value: Value) => void>> = {
	counter: (metric, value) => (metric as Counter).inc(value as number),
	gauge(metric, value) {
		// A gauge that was never written stays unused.
		if (value !== 0) (metric as Gauge).add(value as number);
	},
	histogram: (metric, value) => (metric as LogLinearHistogram | BucketHistogram).absorb(value as HistogramSnapshot),
};
