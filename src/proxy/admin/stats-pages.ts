import type { MetricRegistry, StatKind } from "../../telemetry/metric-registry.ts";
import { formatPrometheus, PROMETHEUS_CONTENT_TYPE } from "../../telemetry/prometheus-text.ts";
import { formatStatsJson, formatStatsText } from "../../telemetry/stats-listing.ts";
import type { AdminContext } from "./admin-context.ts";
import { type AdminAnswer, type AdminPage, badRequest, hasFlag, JSON_TYPE } from "./admin-page.ts";

const KINDS: Readonly<Record<string, StatKind>> = { counters: "counter", gauges: "gauge", histograms: "histogram" };

export const STATS_PAGES: readonly AdminPage[] = [
	{ path: "/stats", help: "print server stats", answer: stats },
	{
		path: "/stats/prometheus",
		help: "print server stats in prometheus format",
		async answer(context, query) {
			const registry = await context.statsOfAllThreads();
			return withFilter(query, (keep) => prometheus(registry, query, keep));
		},
	},
	{
		path: "/reset_counters",
		help: "reset all counters to zero",
		mutates: true,
		answer(context) {
			context.resetCounters();
			return { body: "OK\n" };
		},
	},
];

type Keep = ((name: string) => boolean) | undefined;

async function stats(context: AdminContext, query: URLSearchParams): Promise<AdminAnswer> {
	const registry = await context.statsOfAllThreads();
	return withFilter(query, (keep) => {
		const format = query.get("format") ?? "text";
		if (format === "prometheus") return prometheus(registry, query, keep);
		const type = query.get("type")?.toLowerCase() ?? "all";
		const kind = KINDS[type];
		if (!kind && type !== "all") return badRequest("usage: /stats?type=Counters|Gauges|Histograms|All");
		const options = { usedOnly: hasFlag(query, "usedonly"), kind, keep };
		if (format === "json") return { contentType: JSON_TYPE, body: formatStatsJson(registry, options) };
		if (format !== "text") return badRequest("usage: /stats?format=text|json|prometheus");
		return { body: formatStatsText(registry, options) };
	});
}

function prometheus(registry: MetricRegistry, query: URLSearchParams, keep: Keep): AdminAnswer {
	const usedOnly = hasFlag(query, "usedonly");
	return {
		contentType: PROMETHEUS_CONTENT_TYPE,
		body: formatPrometheus(registry, keep ? { usedOnly, keep } : { usedOnly }),
	};
}

/** `filter` is a regular expression that is looked for anywhere in the name, in linear time. */
async function withFilter(query: URLSearchParams, answer: (keep: Keep) => AdminAnswer): Promise<AdminAnswer> {
	const filter = query.get("filter");
	if (!filter) return answer(undefined);
	const { RE2JS } = await import("re2js");
	try {
		const pattern = RE2JS.compile(filter);
		return answer((name) => pattern.matcher(name).find());
	} catch (error) {
		return badRequest(`Invalid regex: "${(error as Error).message}"`);
	}
}
