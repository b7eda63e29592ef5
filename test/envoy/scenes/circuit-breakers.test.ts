import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { dead, http1 } from "../harness/upstream.ts";

const slow = (ms: number) => [{ delayMs: ms }];

/** Requests at the same time; which of them was refused is chance. */
function together(name: string, path: string, times: number, counters: readonly (string | RegExp)[]): Case {
	return {
		name,
		connections: Array.from({ length: times }, () => ({ send: { path } })),
		parallel: true,
		unordered: true,
		answers: { slow: slow(150) },
		counters,
		compare: ({ log, counters: grown, connections }) => ({
			log: (log as { code: number; flags: string; details: string }[])
				.map(({ code, flags, details }) => `${code} ${flags} ${details}`)
				.sort(),
			answers: connections
				.map((one) => ("answers" in one ? JSON.stringify(one.answers.map((a) => ("body" in a ? a.body : ""))) : ""))
				.sort(),
			counters: grown,
		}),
	};
}

/** The same, one coming a moment after the other while the first ones are still answered. */
function staggered(name: string, path: string, times: number, counters: readonly (string | RegExp)[]): Case {
	return {
		...together(name, path, times, counters),
		connections: Array.from({ length: times }, (_, i) => ({ send: [{ pauseMs: 40 * i }, { path }] })),
		answers: { slow: slow(250) },
	} as Case;
}

const limits = (...thresholds: JsonObject[]): JsonObject => ({ circuit_breakers: { thresholds } });

scene("circuit breakers", {
	upstreams: { slow: http1(), bad: http1({ answer: { status: 503 } }), dead: dead() },
	bootstrap: (at) => {
		const clusters = [
			cluster("requests", [at.port("slow")], limits({ max_requests: 1 })),
			cluster("pending", [at.port("slow")], limits({ max_connections: 1, max_pending_requests: 1 })),
			cluster("connections", [at.port("slow")], limits({ max_connections: 1 })),
			cluster("nothing", [at.port("slow")], limits({ max_requests: 0 })),
			cluster("no-pending", [at.port("slow")], limits({ max_pending_requests: 0 })),
			cluster("per-host", [at.port("slow")], { circuit_breakers: { per_host_thresholds: [{ max_connections: 1 }] } }),
			cluster("retries", [at.port("bad")], limits({ max_retries: 0 })),
			cluster(
				"budget",
				[at.port("bad")],
				limits({ retry_budget: { budget_percent: { value: 0 }, min_retry_concurrency: 0 } }),
			),
			cluster("high", [at.port("slow")], limits({ max_requests: 0, priority: "HIGH" })),
			cluster("tracked", [at.port("slow")], limits({ max_requests: 5, track_remaining: true })),
		];
		const retry = { retry_policy: { retry_on: "5xx", num_retries: 2, retry_back_off: { base_interval: "0.001s" } } };
		const routes = [
			to("retries", "/retries", retry),
			to("budget", "/budget", retry),
			to("high", "/high/high", { priority: "HIGH" }),
			...clusters.map(({ name }) => to(String(name), `/${name}`)),
		];
		return { static_resources: { listeners: [httpListener({ routes })], clusters } };
	},
	cases: [
		together("as many requests as allowed", "/requests", 3, [
			/cluster\.requests\.(upstream_rq_(pending_overflow|active_overflow|503|200)|circuit_breakers.*)/,
		]),
		staggered("as many waiting as allowed", "/pending", 4, [
			/cluster\.pending\.upstream_(rq_pending_overflow|cx_overflow|cx_total)/,
		]),
		staggered("as many connections as allowed", "/connections", 3, [
			/cluster\.connections\.upstream_(rq_pending_overflow|cx_total)/,
		]),
		staggered("connections of one endpoint", "/per-host", 3, [
			/cluster\.per-host\.upstream_(rq_pending_overflow|cx_total)/,
		]),
		get(
			"no request allowed",
			"/nothing",
			{},
			{ counters: [/cluster\.nothing\.upstream_rq_(active_overflow|pending_overflow|503)/] },
		),
		get(
			"nothing may wait",
			"/no-pending",
			{},
			{ counters: [/cluster\.no-pending\.upstream_(rq_(active|pending)_.*|cx_total)/] },
		),
		get("no retry allowed", "/retries", {}, { counters: [/cluster\.retries\.upstream_rq_(retry.*|5.*|total)/] }),
		get("no retry in the budget", "/budget", {}, { counters: [/cluster\.budget\.upstream_rq_(retry.*|5.*|total)/] }),
		get(
			"a request of high priority",
			"/high/high",
			{},
			{ counters: [/cluster\.high\.(upstream_rq_.*_overflow|circuit_breakers.*)/] },
		),
		get("a request of usual priority beside it", "/high"),
		get("limits that are told", "/tracked", {}, { counters: [/cluster\.tracked\.circuit_breakers.*/] }),
	],
});
