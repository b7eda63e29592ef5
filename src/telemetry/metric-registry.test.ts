import assert from "node:assert/strict";
import { test } from "node:test";
import { LogLinearHistogram } from "./log-linear-histogram.ts";
import { MetricRegistry } from "./metric-registry.ts";
import { formatPrometheus } from "./prometheus-text.ts";
import { formatStatsJson, formatStatsText } from "./stats-listing.ts";

const everything = { usedOnly: false, kind: undefined, keep: undefined } as const;

test("a cluster's stats carry its whole name as a tag, dots and bars included", () => {
	const registry = new MetricRegistry();
	registry.scope("cluster.outbound|9080||reviews.default.svc.cluster.local.").counter("upstream_rq_total").inc(3);
	assert.equal(
		formatPrometheus(registry),
		"# TYPE envoy_cluster_upstream_rq_total counter\n" +
			'envoy_cluster_upstream_rq_total{envoy_cluster_name="outbound|9080||reviews.default.svc.cluster.local"} 3\n',
	);
});

test("the semicolon with which Istio ends names is not part of the tag", () => {
	const registry = new MetricRegistry();
	registry.scope("cluster.outbound|80||a.b.svc.cluster.local;.").counter("n").inc();
	assert.match(formatPrometheus(registry), /envoy_cluster_name="outbound\|80\|\|a\.b\.svc\.cluster\.local"/);
});

test("response codes and classes become tags", () => {
	const registry = new MetricRegistry();
	const scope = registry.scope("http.ingress.");
	scope.counter("downstream_rq_2xx").inc();
	scope.counter("downstream_rq_503").inc();
	const text = formatPrometheus(registry);
	assert.match(
		text,
		/^envoy_http_downstream_rq_xx\{envoy_response_code_class="2",envoy_http_conn_manager_prefix="ingress"\} 1$/m,
	);
	assert.match(
		text,
		/^envoy_http_downstream_rq\{envoy_response_code="503",envoy_http_conn_manager_prefix="ingress"\} 1$/m,
	);
});

test("listener stats with a connection manager inside carry both tags", () => {
	const registry = new MetricRegistry();
	registry.scope("listener.127.0.0.1_80.http.in.").counter("downstream_rq_completed").inc();
	assert.match(
		formatPrometheus(registry),
		/^envoy_listener_http_downstream_rq_completed\{envoy_http_conn_manager_prefix="in",envoy_listener_address="127\.0\.0\.1_80"\} 1$/m,
	);
});

test("label values are escaped", () => {
	const registry = new MetricRegistry();
	registry
		.counterFamily({ name: "x_total", help: "a\nb", labels: ["l"] })
		.with('q"\\\n')
		.inc();
	assert.equal(
		formatPrometheus(registry),
		'# HELP x_total a\\nb\n# TYPE x_total counter\nx_total{l="q\\"\\\\\\n"} 1\n',
	);
});

test("a family histogram counts a value on the bound into its bucket", () => {
	const registry = new MetricRegistry();
	const family = registry.histogramFamily({ name: "d", labels: ["a"], buckets: [1, 10] });
	for (const value of [0.5, 1, 10, 11]) family.with("x").record(value);
	const text = formatPrometheus(registry);
	assert.match(
		text,
		/d_bucket\{a="x",le="1"\} 2\n.*le="10"\} 3\n.*le="\+Inf"\} 4\nd_sum\{a="x"\} 22\.5\nd_count\{a="x"\} 4\n/,
	);
});

test("a family beyond its bound shares one overflow series", () => {
	const registry = new MetricRegistry();
	const family = registry.counterFamily({ name: "f", labels: ["host"], maxSeries: 2 });
	for (const host of ["a", "b", "c", "d"]) family.with(host).inc();
	assert.match(formatPrometheus(registry), /f\{host="overflow"\} 2\n/);
	assert.throws(() => family.with("a", "b"), /takes 1 label values, got 2/);
});

test("a scope's stats go with its last user and are shared until then", () => {
	const registry = new MetricRegistry();
	const a = registry.scope("cluster.x.");
	const b = registry.scope("cluster.x.");
	a.counter("n").inc();
	a.release();
	assert.equal(b.counter("n").value, 1);
	b.release();
	assert.deepEqual([...registry.stats()], []);
	assert.throws(() => {
		const scope = registry.scope("s.");
		scope.counter("n");
		scope.gauge("n");
	}, /is a counter, not a gauge/);
});

test("/stats lists sorted lines, and only used ones when asked", () => {
	const registry = new MetricRegistry();
	const scope = registry.scope("server.");
	scope.gauge("live").set(0);
	scope.counter("b").inc(2);
	scope.counter("a");
	scope.histogram("h").record(7);
	assert.equal(formatStatsText(registry, { ...everything, usedOnly: true, kind: "counter" }), "server.b: 2\n");
	const text = formatStatsText(registry, everything);
	assert.ok(text.startsWith("server.a: 0\nserver.b: 2\nserver.live: 0\nserver.h: P0(nan,7)"), text);
	const { stats } = JSON.parse(formatStatsJson(registry, everything)) as { stats: { name?: string }[] };
	assert.deepEqual(
		stats.map((s) => s.name),
		["server.a", "server.b", "server.live", undefined],
	);
	const buckets = formatStatsText(registry, { ...everything, kind: "histogram", buckets: "disjoint" });
	assert.match(
		buckets,
		/^server\.h: B0\.5\(0,0\) B1\(0,0\) B5\(0,0\) B10\(0,1\) B25\(0,0\) .* B1\.8e\+06\(0,0\) B3\.6e\+06\(0,0\)$/m,
	);
	registry.resetCounters();
	assert.equal(scope.counter("b").value, 0);
	assert.match(formatStatsText(registry, everything), /^server\.h: P0\(nan,7\)/m);
});

test("log-linear quantiles are within two significant digits", () => {
	const histogram = new LogLinearHistogram();
	for (let value = 1; value <= 10_000; value++) histogram.record(value);
	for (const q of [0.25, 0.5, 0.9, 0.99]) {
		const exact = q * 10_000;
		assert.ok(Math.abs(histogram.quantile(q) - exact) / exact < 0.1, `${q}: ${histogram.quantile(q)}`);
	}
	assert.equal(histogram.countAtMost(99), 99);
	assert.equal(histogram.count, 10_000);
	assert.ok(Number.isNaN(new LogLinearHistogram().quantile(0.5)));
	histogram.record(-1);
	histogram.record(1e15);
	assert.equal(histogram.count, 10_002);
});
