import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../../lib/clock.ts";
import { HeaderMap } from "../../http/header-map.ts";
import { ClusterHost } from "../cluster-host.ts";
import { PLAIN_ENDPOINT } from "../compile/endpoint-config.ts";
import { highestMetric, parseLoadReport } from "./load-report.ts";
import { ReportedWeights } from "./reported-weights.ts";

const report = (value: string) => HeaderMap.of(["endpoint-load-metrics", value]);

function weighing(over = {}) {
	const clock = new ManualClock();
	const hosts = [1, 2, 3].map((n) => new ClusterHost({ ...PLAIN_ENDPOINT, host: `10.3.0.${n}`, port: 80 }));
	let changes = 0;
	const config = { blackoutMs: 1000, expirationMs: 5000, updateMs: 100, errorPenalty: 1, metricNames: [], ...over };
	const weights = new ReportedWeights(config, { clock, hosts: () => hosts, onChange: () => void changes++ });
	return { clock, hosts, weights, changes: () => changes, now: () => hosts.map(({ weight }) => weight) };
}

test("reports weigh after the blackout; who reports nothing gets the median", () => {
	const { clock, hosts, weights, changes, now } = weighing();
	for (let i = 0; i < 12; i++) {
		weights.take(hosts[0]!, report("TEXT rps_fractional=100, cpu_utilization=0.5"));
		weights.take(hosts[1]!, report("TEXT rps_fractional=100, eps=50, cpu_utilization=0.5"));
		if (i === 5) assert.deepEqual(now(), [1, 1, 1]);
		clock.advance(100);
	}
	assert.deepEqual(now(), [200, 100, 150]);
	assert.equal(changes(), 1);
	clock.advance(6000);
	assert.deepEqual(now(), [1, 1, 1]);
	weights.close();
});

test("reports in text, JSON and broken ones", () => {
	assert.equal(parseLoadReport(report("TEXT cpu_utilization:0.3,named_metrics.a=2"))?.namedMetrics.a, 2);
	assert.equal(parseLoadReport(report('JSON {"cpu_utilization": 0.25}'))?.cpuUtilization, 0.25);
	for (const bad of [
		"TEXT cpu_utilization=x",
		"TEXT other=1",
		"TEXT eps=1,eps=2",
		"eps=1",
		"JSON {",
		"BIN !",
		"TEXT =1",
		"TEXT eps",
	])
		assert.equal(parseLoadReport(report(bad)), undefined, bad);
});

test("the highest of the metrics named", () => {
	const read = parseLoadReport(report("TEXT cpu_utilization=0.3, named_metrics.a=2, named_metrics.b=0.1"))!;
	assert.equal(highestMetric(read, ["cpu_utilization", "named_metrics.b"]), 0.3);
	assert.equal(highestMetric(read, ["named_metrics.*"]), 2);
	assert.equal(highestMetric(read, ["named_metrics.none", "utilization.x", "what"]), 0);
});
