import { LogLinearHistogram } from "./log-linear-histogram.ts";
import {
	CounterCell,
	counterFamily,
	type FamilyOptions,
	GaugeCell,
	gaugeFamily,
	histogramFamily,
	type MetricFamily,
} from "./metric-family.ts";
import type { Counter, Family, Gauge, Histogram } from "./metrics.ts";
import { type StatTag, tagsOfPrefix } from "./stat-tags.ts";

/** Stats whose names begin alike (`cluster.reviews.`); asking twice for a name gives the same instrument. */
export interface StatScope {
	readonly prefix: string;
	counter(name: string): Counter;
	gauge(name: string): Gauge;
	histogram(name: string): Histogram;
	/** Gives the scope back; its stats go when as many releases as `scope()` calls were made. */
	release(): void;
}

/** What the room needs that only makes instruments (a fake is three lines). */
export interface Metrics {
	scope(prefix: string): StatScope;
	counterFamily(options: FamilyOptions): Family<Counter>;
	gaugeFamily(options: FamilyOptions): Family<Gauge>;
	histogramFamily(options: FamilyOptions): Family<Histogram>;
}

export type StatKind = "counter" | "gauge" | "histogram";
export type StatCell = CounterCell | GaugeCell | LogLinearHistogram;

/** One named stat as `/stats` and the exposition see it. */
export interface StatEntry {
	readonly kind: StatKind;
	/** Full dotted name. */
	readonly name: string;
	/** Name without what its scope's tags hold: `cluster.upstream_rq_total`. */
	readonly baseName: string;
	readonly tags: readonly StatTag[];
	readonly cell: StatCell;
}

/** A tag and the part of the name that it was. */
export interface RetaggedPart {
	readonly tag: StatTag;
	readonly removed: string;
}

/** What stats are shown, and how (Envoy: StatsConfig). */
export interface StatRules {
	keep(name: string): boolean;
	/** False: Envoy's own tags are not taken out of names. */
	readonly usesDefaultTags: boolean;
	/** Tags beyond Envoy's own. */
	retag(name: string): readonly RetaggedPart[];
}

class Scope implements StatScope {
	readonly prefix: string;
	readonly entries = new Map<string, StatEntry>();
	refs = 0;
	readonly #extracted: { readonly prefix: string; readonly tags: readonly StatTag[] };
	readonly #onUnused: () => void;

	constructor(prefix: string, onUnused: () => void) {
		this.prefix = prefix;
		this.#extracted = tagsOfPrefix(prefix);
		this.#onUnused = onUnused;
	}

	counter(name: string): Counter {
		return this.#cell("counter", name, () => new CounterCell()) as CounterCell;
	}

	gauge(name: string): Gauge {
		return this.#cell("gauge", name, () => new GaugeCell()) as GaugeCell;
	}

	histogram(name: string): Histogram {
		return this.#cell("histogram", name, () => new LogLinearHistogram()) as LogLinearHistogram;
	}

	release(): void {
		this.refs--;
		if (this.refs === 0) this.#onUnused();
	}

	#cell(kind: StatKind, name: string, create: () => StatCell): StatCell {
		const known = this.entries.get(name);
		if (known) {
			if (known.kind !== kind) throw new Error(`stat ${this.prefix}${name} is a ${known.kind}, not a ${kind}`);
			return known.cell;
		}
		const { prefix, tags } = this.#extracted;
		const entry = { kind, name: this.prefix + name, baseName: prefix + name, tags, cell: create() };
		this.entries.set(name, entry);
		return entry.cell;
	}
}

/** All metrics of one process: Envoy-like named stats in scopes, and labelled families in Prometheus' model. */
export class MetricRegistry implements Metrics {
	readonly #scopes = new Map<string, Scope>();
	readonly #refreshers: (() => void)[] = [];
	#rules: StatRules | undefined;
	#shown = new WeakMap<StatEntry, StatEntry | typeof HIDDEN>();
	readonly #families = new Map<string, MetricFamily<Counter | Gauge | Histogram>>();

	scope(prefix: string): StatScope {
		let scope = this.#scopes.get(prefix);
		if (!scope) {
			scope = new Scope(prefix, () => this.#scopes.delete(prefix));
			this.#scopes.set(prefix, scope);
		}
		scope.refs++;
		return scope;
	}

	counterFamily(options: FamilyOptions): Family<Counter> {
		return this.#family(options, () => counterFamily(options)) as Family<Counter>;
	}

	gaugeFamily(options: FamilyOptions): Family<Gauge> {
		return this.#family(options, () => gaugeFamily(options)) as Family<Gauge>;
	}

	histogramFamily(options: FamilyOptions): Family<Histogram> {
		return this.#family(options, () => histogramFamily(options)) as Family<Histogram>;
	}

	/** `refresh` runs before stats are listed: for gauges that are cheaper to ask for than to keep (uptime, memory). */
	onRead(refresh: () => void): void {
		this.#refreshers.push(refresh);
	}

	/** Applies to whatever is listed from now on. */
	setRules(rules: StatRules | undefined): void {
		this.#rules = rules;
		this.#shown = new WeakMap();
	}

	/** Every named stat that the rules let through, unordered. */
	*stats(): Generator<StatEntry> {
		for (const refresh of this.#refreshers) refresh();
		const rules = this.#rules;
		for (const scope of this.#scopes.values()) {
			if (!rules) {
				yield* scope.entries.values();
				continue;
			}
			for (const entry of scope.entries.values()) {
				const shown = this.#show(entry, rules);
				if (shown) yield shown;
			}
		}
	}

	/** Rules are asked once for each stat. */
	#show(entry: StatEntry, rules: StatRules): StatEntry | undefined {
		const known = this.#shown.get(entry);
		if (known !== undefined) return known === HIDDEN ? undefined : known;
		const shown = rules.keep(entry.name) ? retagged(entry, rules) : HIDDEN;
		this.#shown.set(entry, shown);
		return shown === HIDDEN ? undefined : shown;
	}

	/** The scopes with their stats; gauges as they were when last written. */
	*scopes(): Generator<{ readonly prefix: string; readonly entries: ReadonlyMap<string, StatEntry> }> {
		for (const refresh of this.#refreshers) refresh();
		yield* this.#scopes.values();
	}

	/** Those of one name, which differ in their labels, stand together. */
	families(): Iterable<MetricFamily<Counter | Gauge | Histogram>> {
		return [...Map.groupBy(this.#families.values(), ({ options }) => options.name).values()].flat();
	}

	/** Envoy's `/reset_counters`: counters of the named stats go to 0; histograms keep what they have. */
	resetCounters(): void {
		for (const { cell } of this.stats()) if (cell instanceof CounterCell) cell.value = 0;
	}

	#family(options: FamilyOptions, create: () => MetricFamily<Counter | Gauge | Histogram>) {
		const key = [options.name, ...options.labels].join("\0");
		const known = this.#families.get(key);
		if (known) return known;
		const family = create();
		this.#families.set(key, family);
		return family;
	}
}

const HIDDEN = Symbol("left out by the rules");

function retagged(entry: StatEntry, rules: StatRules): StatEntry {
	const parts = rules.retag(entry.name);
	const base = rules.usesDefaultTags ? entry : { ...entry, baseName: entry.name, tags: [] };
	const baseName = parts.reduce((name, { removed }) => name.replace(removed, ""), base.baseName);
	return { ...base, baseName, tags: [...base.tags, ...parts.map(({ tag }) => tag)] };
}
