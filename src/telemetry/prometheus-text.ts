import { BucketHistogram, DEFAULT_BUCKETS } from "./bucket-histogram.ts";
import { LogLinearHistogram } from "./log-linear-histogram.ts";
import { CounterCell, GaugeCell, type MetricFamily } from "./metric-family.ts";
import type { MetricRegistry, StatEntry } from "./metric-registry.ts";
import type { Counter, Gauge, Histogram } from "./metrics.ts";
import { tagsOfResponseCode } from "./stat-tags.ts";

/** The content type of `formatPrometheus`' text (Prometheus exposition format 0.0.4). */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export interface PrometheusOptions {
	/** Leaves out what was never written. */
	readonly usedOnly?: boolean;
	/** Keeps only names that this says yes to: dotted names of stats, names of families. */
	readonly keep?: (name: string) => boolean;
}

/** All metrics as Prometheus exposition text: families first, then the named stats with Envoy's names and tags. */
export function formatPrometheus(registry: MetricRegistry, options: PrometheusOptions = {}): string {
	const lines: string[] = [];
	let before = "";
	for (const family of registry.families()) {
		const { name } = family.options;
		if (options.keep && !options.keep(name)) continue;
		const length = lines.length;
		formatFamily(family, lines, name !== before);
		if (lines.length > length) before = name;
	}
	formatStats(registry, options, lines);
	return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** Whether the instrument was ever written (Envoy's `usedonly`). */
export function isUsed(cell: StatEntry["cell"]): boolean {
	if (cell instanceof CounterCell) return cell.value !== 0;
	if (cell instanceof GaugeCell) return cell.used;
	return cell.count > 0;
}

/** `introduced`: the name is new. */
function formatFamily(family: MetricFamily<Counter | Gauge | Histogram>, lines: string[], introduced: boolean): void {
	const { name, help, labels } = family.options;
	let first = introduced;
	for (const { labelValues, metric } of family.series()) {
		if (first && help) lines.push(`# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`);
		if (first) lines.push(`# TYPE ${name} ${family.kind}`);
		first = false;
		const text = labels.map((label, i) => `${label}="${escapeLabel(labelValues[i]!)}"`).join(",");
		if (metric instanceof BucketHistogram) {
			formatHistogram({ name, labels: text, bounds: metric.bounds, counts: metric.cumulative(), of: metric }, lines);
		} else {
			lines.push(`${name}${text === "" ? "" : `{${text}}`} ${(metric as Counter).value}`);
		}
	}
}

function formatStats(registry: MetricRegistry, options: PrometheusOptions, lines: string[]): void {
	const groups = new Map<string, { kind: string; series: [labels: string, cell: StatEntry["cell"]][] }>();
	for (const entry of registry.stats()) {
		if (options.keep && !options.keep(entry.name)) continue;
		if (options.usedOnly && !isUsed(entry.cell)) continue;
		const { prefix, tags } = tagsOfResponseCode(entry.baseName);
		const name = `envoy_${prefix.replaceAll(/[^a-zA-Z0-9_]/g, "_")}`;
		const labels = [...tags, ...entry.tags].map((tag) => `${tag.name}="${escapeLabel(tag.value)}"`).join(",");
		const group = groups.get(name);
		if (group) group.series.push([labels, entry.cell]);
		else groups.set(name, { kind: entry.kind, series: [[labels, entry.cell]] });
	}
	for (const name of [...groups.keys()].sort()) {
		const { kind, series } = groups.get(name)!;
		lines.push(`# TYPE ${name} ${kind}`);
		for (const [labels, cell] of series) formatStat(name, labels, cell, lines);
	}
}

function formatStat(name: string, labels: string, cell: StatEntry["cell"], lines: string[]): void {
	if (cell instanceof LogLinearHistogram) {
		const counts = DEFAULT_BUCKETS.map((bound) => cell.countAtMost(bound));
		formatHistogram({ name, labels, bounds: DEFAULT_BUCKETS, counts, of: cell }, lines);
	} else {
		lines.push(`${name}{${labels}} ${cell.value}`);
	}
}

interface HistogramText {
	readonly name: string;
	readonly labels: string;
	readonly bounds: readonly number[];
	readonly counts: readonly number[];
	readonly of: { readonly count: number; readonly sum: number };
}

function formatHistogram({ name, labels, bounds, counts, of }: HistogramText, lines: string[]): void {
	const before = labels === "" ? "" : `${labels},`;
	for (const [i, bound] of bounds.entries()) lines.push(`${name}_bucket{${before}le="${bound}"} ${counts[i]}`);
	lines.push(`${name}_bucket{${before}le="+Inf"} ${of.count}`);
	lines.push(`${name}_sum{${labels}} ${of.sum}`);
	lines.push(`${name}_count{${labels}} ${of.count}`);
}

function escapeLabel(value: string): string {
	return /["\\\n]/.test(value) ? value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n") : value;
}
