import type { Series } from "./prometheus-text.ts";
import type { EdgeView, Traffic, WorkloadRef } from "./view.ts";

/** What one proxy's metrics were at one time. */
interface Sample {
	readonly atMs: number;
	readonly series: ReadonlyMap<string, Series>;
}

interface Tally {
	readonly source: WorkloadRef;
	readonly destination: EdgeView["destination"];
	requests: number;
	errors: number;
	readonly codes: Record<string, number>;
	readonly flags: Set<string>;
	/** Upper bound in ms (Infinity last) → requests at or below it. */
	readonly buckets: Map<number, number>;
}

const REQUESTS = "istio_requests_total";
const BUCKETS = "istio_request_duration_milliseconds_bucket";

/**
 * Keeps the last scrapes of every proxy and tells what flowed in the window: differences of counters, with restarts taken as a start
 * from zero. Client-side reports count; server-side ones only for callers that have no proxy.
 */
export class TrafficWindow {
	readonly #windowMs: number;
	readonly #samples = new Map<string, Sample[]>();

	constructor(windowMs: number) {
		this.#windowMs = windowMs;
	}

	add(target: string, atMs: number, series: readonly Series[]): void {
		const samples = this.#samples.get(target) ?? [];
		samples.push({ atMs, series: new Map(series.map((s) => [s.key, s])) });
		// One sample older than the window stays: differences are taken against it.
		while (samples.length > 2 && samples[1]!.atMs <= atMs - this.#windowMs) samples.shift();
		this.#samples.set(target, samples);
	}

	/** Forgets proxies that are gone. */
	keep(targets: ReadonlySet<string>): void {
		for (const target of this.#samples.keys()) if (!targets.has(target)) this.#samples.delete(target);
	}

	edges(nowMs: number): EdgeView[] {
		const tallies = new Map<string, Tally>();
		let spanMs = 0;
		for (const samples of this.#samples.values()) {
			const [first, last] = [samples[0]!, samples.at(-1)!];
			if (first === last || last.atMs <= nowMs - this.#windowMs) continue;
			spanMs = Math.max(spanMs, last.atMs - first.atMs);
			for (const series of last.series.values()) count(tallies, series, first.series.get(series.key));
		}
		const seconds = Math.max(spanMs, 1000) / 1000;
		const seen = [...tallies.values()].filter((t) => t.requests > 0);
		return seen.map((t) => ({
			source: t.source,
			destination: t.destination,
			flags: [...t.flags].sort(),
			...trafficOf(t, seconds),
		}));
	}
}

function count(tallies: Map<string, Tally>, series: Series, before: Series | undefined): void {
	const { labels, name } = series;
	const grown = before && before.value <= series.value ? series.value - before.value : series.value;
	if ((name !== REQUESTS && name !== BUCKETS) || grown <= 0 || !isReporter(labels)) return;
	const tally = tallyOf(tallies, labels);
	if (name === BUCKETS) countBucket(tally, labels.le ?? "", grown);
	else countRequests(tally, labels, grown);
}

/** The caller's proxy reports, gateways too; the server's only where the caller has none. */
function isReporter({ reporter, source_workload }: Readonly<Record<string, string>>): boolean {
	return reporter === "source" || (reporter === "destination" && source_workload === "unknown");
}

function countBucket(tally: Tally, le: string, grown: number): void {
	const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
	tally.buckets.set(bound, (tally.buckets.get(bound) ?? 0) + grown);
}

function countRequests(tally: Tally, labels: Readonly<Record<string, string>>, grown: number): void {
	const code = labels.response_code ?? "0";
	tally.requests += grown;
	tally.codes[code] = (tally.codes[code] ?? 0) + grown;
	if (code === "0" || code.startsWith("5")) tally.errors += grown;
	for (const flag of (labels.response_flags ?? "-").split(",")) if (flag !== "-") tally.flags.add(flag);
}

function tallyOf(tallies: Map<string, Tally>, labels: Readonly<Record<string, string>>): Tally {
	const at = (name: string) => labels[name] ?? "unknown";
	const side = (which: string): WorkloadRef => ({
		workload: at(`${which}_workload`),
		namespace: at(`${which}_workload_namespace`),
		app: at(`${which}_app`),
		version: at(`${which}_version`),
	});
	const source = side("source");
	const destination = {
		...side("destination"),
		service: at("destination_service_name"),
		serviceNamespace: at("destination_service_namespace"),
	};
	const key = [source, destination].map((s) => Object.values(s).join("|")).join("→");
	let tally = tallies.get(key);
	if (!tally) {
		tally = { source, destination, requests: 0, errors: 0, codes: {}, flags: new Set(), buckets: new Map() };
		tallies.set(key, tally);
	}
	return tally;
}

function trafficOf(tally: Pick<Tally, "requests" | "errors" | "codes" | "buckets">, seconds: number): Traffic {
	return {
		requestsPerSecond: tally.requests / seconds,
		errorShare: tally.requests === 0 ? 0 : tally.errors / tally.requests,
		p50Ms: quantile(tally.buckets, 0.5),
		p99Ms: quantile(tally.buckets, 0.99),
		codes: tally.codes,
	};
}

/** Prometheus' histogram_quantile: linear inside the bucket that holds the rank. */
export function quantile(buckets: ReadonlyMap<number, number>, q: number): number | undefined {
	const sorted = [...buckets].sort(([a], [b]) => a - b);
	const total = sorted.at(-1)?.[1] ?? 0;
	if (total === 0) return undefined;
	const rank = q * total;
	let [lower, below] = [0, 0];
	for (const [upper, count] of sorted) {
		if (count >= rank)
			return Number.isFinite(upper)
				? lower + ((upper - lower) * (rank - below)) / Math.max(count - below, Number.EPSILON)
				: lower;
		[lower, below] = [upper, count];
	}
	return lower;
}

/** The same figures for several edges together; latencies are weighted by requests, since buckets are no longer at hand. */
export function addTraffic(edges: readonly EdgeView[]): Traffic {
	const requestsPerSecond = edges.reduce((sum, e) => sum + e.requestsPerSecond, 0);
	const weighted = (get: (e: EdgeView) => number | undefined) => {
		const known = edges.filter((e) => get(e) !== undefined);
		const weight = known.reduce((sum, e) => sum + e.requestsPerSecond, 0);
		return weight === 0 ? undefined : known.reduce((sum, e) => sum + get(e)! * e.requestsPerSecond, 0) / weight;
	};
	const codes: Record<string, number> = {};
	for (const edge of edges) for (const [code, n] of Object.entries(edge.codes)) codes[code] = (codes[code] ?? 0) + n;
	const errors = edges.reduce((sum, e) => sum + e.errorShare * e.requestsPerSecond, 0);
	return {
		requestsPerSecond,
		errorShare: requestsPerSecond === 0 ? 0 : errors / requestsPerSecond,
		p50Ms: weighted((e) => e.p50Ms),
		p99Ms: weighted((e) => e.p99Ms),
		codes,
	};
}
