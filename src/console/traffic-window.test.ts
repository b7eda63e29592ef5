import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePrometheusText } from "./prometheus-text.ts";
import { quantile, TrafficWindow } from "./traffic-window.ts";

const labels =
	'reporter="source",source_workload="a",source_workload_namespace="d",destination_service_name="b",destination_workload="b-v1"';
const scrape = (ok: number, bad: number) =>
	parsePrometheusText(
		`# TYPE istio_requests_total counter
istio_requests_total{${labels},response_code="200",response_flags="-"} ${ok}
istio_requests_total{${labels},response_code="503",response_flags="UF,URX"} ${bad}
istio_request_duration_milliseconds_bucket{${labels},le="1"} ${ok}
istio_request_duration_milliseconds_bucket{${labels},le="+Inf"} ${ok + bad}
other_total{a="b"} 7
`,
		"istio_",
	);

test("rates, error share and flags are differences over the window", () => {
	const window = new TrafficWindow(60_000);
	window.add("p", 0, scrape(100, 0));
	window.add("p", 30_000, scrape(160, 0));
	window.add("p", 60_000, scrape(190, 10));
	const [edge, ...others] = window.edges(60_000);
	assert.equal(others.length, 0);
	assert.equal(edge!.requestsPerSecond, 100 / 60);
	assert.equal(edge!.errorShare, 0.1);
	assert.deepEqual(edge!.flags, ["UF", "URX"]);
	assert.equal(edge!.destination.service, "b");
	assert.ok(edge!.p50Ms! > 0 && edge!.p50Ms! < 1);
});

test("a proxy that was started again counts from zero", () => {
	const window = new TrafficWindow(60_000);
	window.add("p", 0, scrape(1000, 0));
	window.add("p", 10_000, scrape(30, 0));
	assert.equal(window.edges(10_000)[0]!.requestsPerSecond, 3);
});

test("server-side reports count only for callers without a proxy", () => {
	const window = new TrafficWindow(60_000);
	const line = (source: string) =>
		`istio_requests_total{reporter="destination",source_workload="${source}",response_code="200"} `;
	window.add("p", 0, parsePrometheusText(`${line("unknown")}0\n${line("a")}0`, "istio_"));
	window.add("p", 10_000, parsePrometheusText(`${line("unknown")}10\n${line("a")}10`, "istio_"));
	assert.deepEqual(
		window.edges(10_000).map((e) => e.source.workload),
		["unknown"],
	);
});

test("quantiles interpolate inside a bucket as Prometheus does", () => {
	const buckets = new Map([
		[10, 50],
		[20, 100],
		[Number.POSITIVE_INFINITY, 100],
	]);
	assert.equal(quantile(buckets, 0.5), 10);
	assert.equal(quantile(buckets, 0.75), 15);
	assert.equal(quantile(new Map(), 0.5), undefined);
});
