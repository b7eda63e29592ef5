import type { MetricRegistry, StatKind } from "../../telemetry/metric-registry.ts";
import { formatPrometheus, PROMETHEUS_CONTENT_TYPE } from "../../telemetry/prometheus-text.ts";
import { formatStatsJson, formatStatsText } from "../../telemetry/stats-listing.ts";
import type { AdminContext } from "./admin-context.ts";
import { type AdminAnswer, type AdminPage, badRequest, hasFlag, JSON_TYPE } from "./admin-page.ts";

const BUCKETS = ["cumulative", "disjoint", "detailed", "summary", "none"];
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
	const wrong = wrongParameter(query);
	if (wrong) return wrong;
	return withFilter(query, (keep) => {
		const format = query.get("format") ?? "text";
		if (format === "prometheus") return prometheus(registry, query, keep);
		const type = query.get("type")?.toLowerCase() ?? "all";
		// Lateen has neither text readouts nor hidden stats.
		const nothing = type === "textreadouts" || query.get("hidden") === "only";
		const options = {
			usedOnly: hasFlag(query, "usedonly"),
			kind: KINDS[type],
			keep: nothing ? () => false : keep,
			buckets: bucketsOf(query),
		};
		if (format === "json") return { contentType: JSON_TYPE, body: formatStatsJson(registry, options) };
		return { body: formatStatsText(registry, options) };
	});
}

/** Envoy's answers to parameters that are none; what it knows and Lateen does not is refused by name. */
function wrongParameter(query: URLSearchParams): AdminAnswer | undefined {
	const format = query.get("format") ?? "text";
	if (!["text", "json", "prometheus"].includes(format))
		return badRequest("usage: /stats?format=(json|prometheus|text)");
	const type = query.get("type")?.toLowerCase() ?? "all";
	if (!KINDS[type] && type !== "all" && type !== "textreadouts") return { status: 400, body: "invalid &type= param" };
	if (!["include", "only", "exclude"].includes(query.get("hidden") ?? "include"))
		return badRequest("usage: /stats?hidden=(include|only|exclude)\n");
	const buckets = query.get("histogram_buckets") ?? "none";
	if (!BUCKETS.includes(buckets)) return badRequest("usage: /stats?histogram_buckets=(cumulative|disjoint|summary)");
	const listed = buckets === "cumulative" || buckets === "disjoint";
	if (buckets === "detailed" || (listed && format === "json"))
		return badRequest(`histogram_buckets=${buckets} is not implemented by this proxy for format ${format}`);
	return undefined;
}

function bucketsOf(query: URLSearchParams): "cumulative" | "disjoint" | undefined {
	const buckets = query.get("histogram_buckets");
	return buckets === "cumulative" || buckets === "disjoint" ? buckets : undefined;
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
		return {
			status: 400,
			body: `Invalid re2 regex: ${(error as Error).message.replace("error parsing regexp: ", "")}`,
		};
	}
}
