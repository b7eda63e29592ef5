import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ManualClock } from "../../../lib/clock.ts";
import { seededRandom } from "../../../lib/random.ts";
import { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import { OutlierDetectionSchema } from "../../../xds/generated/envoy/config/cluster/v3/outlier_detection_pb.ts";
import { compileOutlier, type OutlierConfig } from "./outlier-config.ts";
import { OutlierDetector, type OutlierHost, OutlierState } from "./outlier-detector.ts";

const defaults = compileOutlier(create(OutlierDetectionSchema));

function setUp(over: Partial<OutlierConfig> = {}, size = 4) {
	const clock = new ManualClock();
	const hosts: OutlierHost[] = Array.from({ length: size }, () => ({ outlier: new OutlierState() }));
	const scope = new MetricRegistry().scope("cluster.c.");
	let changes = 0;
	const detector = new OutlierDetector(
		{ ...defaults, maxEjectionPercent: 50, ...over },
		{ clock, random: seededRandom(1), stats: scope, hosts: () => hosts, onChange: () => void changes++ },
	);
	const fail = (host: OutlierHost, times: number, status = 500) => {
		for (let i = 0; i < times; i++) detector.reportStatus(host, status);
	};
	const stat = (name: string) => scope.counter(`outlier_detection.${name}`).value;
	return { clock, hosts, scope, detector, fail, stat, changes: () => changes };
}

test("five failures in a row eject, an answer in between starts again", () => {
	const { hosts, detector, fail, stat, scope, changes } = setUp();
	fail(hosts[0]!, 4);
	detector.reportStatus(hosts[0]!, 200);
	fail(hosts[0]!, 4);
	assert.equal(hosts[0]!.outlier.ejected, false);
	fail(hosts[0]!, 1);
	assert.equal(hosts[0]!.outlier.ejected, true);
	assert.equal(changes(), 1);
	assert.equal(stat("ejections_enforced_consecutive_5xx"), 1);
	assert.equal(stat("ejections_enforced_total"), 1);
	assert.equal(scope.gauge("outlier_detection.ejections_active").value, 1);
});

test("one host may be ejected whatever the percentage if so configured; the next must fit", () => {
	const { hosts, fail, stat } = setUp({ maxEjectionPercent: 50, alwaysEjectOne: true });
	for (const host of hosts.slice(0, 3)) fail(host, 5);
	assert.deepEqual(
		hosts.map(({ outlier }) => outlier.ejected),
		[true, true, false, false],
	);
	assert.equal(stat("ejections_overflow"), 1);
	const one = setUp({ maxEjectionPercent: 10, alwaysEjectOne: true });
	one.fail(one.hosts[0]!, 5);
	assert.equal(one.hosts[0]!.outlier.ejected, true);
	const strict = setUp({ maxEjectionPercent: 10 });
	strict.fail(strict.hosts[0]!, 5);
	assert.equal(strict.hosts[0]!.outlier.ejected, false, "10 % of 4 hosts is none");
});

test("with 100 % every host may be ejected", () => {
	const { hosts, fail } = setUp({ maxEjectionPercent: 100 });
	for (const host of hosts) fail(host, 5);
	assert.ok(hosts.every(({ outlier }) => outlier.ejected));
});

test("the sweep brings a host back after its time, which grows with each ejection and shrinks in service", () => {
	const { clock, hosts, fail } = setUp();
	const [host] = hosts;
	fail(host!, 5);
	clock.advance(29_000);
	assert.equal(host!.outlier.ejected, true);
	clock.advance(1000);
	assert.equal(host!.outlier.ejected, false);
	fail(host!, 5);
	clock.advance(59_000);
	assert.equal(host!.outlier.ejected, true, "second ejection lasts 60 s");
	clock.advance(1000);
	assert.equal(host!.outlier.ejected, false);
	clock.advance(20_000);
	assert.equal(host!.outlier.backoff, 0, "two sweeps in service forget two ejections");
});

test("the ejection time is capped", () => {
	const { clock, hosts, fail } = setUp({ maxEjectionMs: 40_000 });
	for (let i = 0; i < 4; i++) {
		fail(hosts[0]!, 5);
		clock.advance(40_000);
		assert.equal(hosts[0]!.outlier.ejected, false, `ejection ${i}`);
	}
});

test("gateway failures are counted apart from other 5xx and enforced only when asked", () => {
	const enforced = { ...defaults.enforcing, consecutive_gateway_failure: 100, consecutive_5xx: 0 };
	const { hosts, fail, stat } = setUp({
		enforcing: enforced,
		consecutive: { ...defaults.consecutive, consecutive_gateway_failure: 2 },
	});
	fail(hosts[0]!, 1, 503);
	fail(hosts[0]!, 1, 500);
	fail(hosts[0]!, 1, 502);
	assert.equal(hosts[0]!.outlier.ejected, false);
	fail(hosts[0]!, 1, 504);
	assert.equal(hosts[0]!.outlier.ejected, true);
	fail(hosts[1]!, 5, 500);
	assert.equal(stat("ejections_detected_consecutive_5xx"), 1);
	assert.equal(hosts[1]!.outlier.ejected, false, "detected, not enforced");
});

test("local failures count as 503 unless split, then on their own", () => {
	const joined = setUp();
	for (let i = 0; i < 5; i++) joined.detector.reportLocalFailure(joined.hosts[0]!, "connect");
	assert.equal(joined.stat("ejections_enforced_consecutive_5xx"), 1);
	const split = setUp({ splitLocalOrigin: true });
	for (let i = 0; i < 4; i++) split.detector.reportLocalFailure(split.hosts[0]!, "connect");
	split.fail(split.hosts[0]!, 1);
	split.detector.reportLocalFailure(split.hosts[0]!, "connect");
	assert.equal(split.hosts[0]!.outlier.ejected, false, "the answer, even 500, ended the row of local failures");
	for (let i = 0; i < 9; i++) split.detector.reportLocalFailure(split.hosts[0]!, "reset");
	assert.equal(split.hosts[0]!.outlier.ejected, false, "each reset had a connection, which is a success");
	for (let i = 0; i < 4; i++) split.detector.reportLocalFailure(split.hosts[0]!, "connect");
	assert.equal(split.stat("ejections_enforced_consecutive_local_origin_failure"), 1);
});

test("a threshold of 0 never ejects", () => {
	const { hosts, fail } = setUp({ consecutive: { ...defaults.consecutive, consecutive_5xx: 0 } });
	fail(hosts[0]!, 100, 500);
	assert.equal(hosts[0]!.outlier.ejected, false);
});

test("a host far below the mean success rate is ejected at the sweep", () => {
	const { clock, hosts, detector, stat } = setUp({ consecutive: { ...defaults.consecutive, consecutive_5xx: 0 } }, 10);
	for (const [i, host] of hosts.entries())
		for (let n = 0; n < 100; n++) detector.reportStatus(host, i === 0 && n % 2 === 0 ? 500 : 200);
	clock.advance(10_000);
	assert.deepEqual(
		hosts.map(({ outlier }) => outlier.ejected),
		hosts.map((_, i) => i === 0),
	);
	assert.equal(stat("ejections_enforced_success_rate"), 1);
	assert.equal(hosts[0]!.outlier.successRate, 50);
});

test("failure percentage ejects when enforced", () => {
	const { clock, hosts, detector, stat } = setUp(
		{
			consecutive: { ...defaults.consecutive, consecutive_5xx: 0 },
			enforcing: { ...defaults.enforcing, success_rate: 0, failure_percentage: 100 },
		},
		5,
	);
	for (const [i, host] of hosts.entries())
		for (let n = 0; n < 60; n++) detector.reportStatus(host, i === 2 ? 500 : 200);
	clock.advance(10_000);
	assert.equal(hosts[2]!.outlier.ejected, true);
	assert.equal(stat("ejections_enforced_failure_percentage"), 1);
});

test("a detector that takes hosts over counts anew, whatever the one before had counted to", () => {
	const { hosts, fail, clock, scope } = setUp({ consecutive: { ...defaults.consecutive, consecutive_5xx: 3 } });
	fail(hosts[0]!, 2);
	const next = new OutlierDetector(
		{ ...defaults, maxEjectionPercent: 50, consecutive: { ...defaults.consecutive, consecutive_5xx: 2 } },
		{ clock, random: seededRandom(1), stats: scope, hosts: () => hosts, onChange: () => {} },
	);
	next.reportStatus(hosts[0]!, 500);
	assert.equal(hosts[0]!.outlier.ejected, false);
	next.reportStatus(hosts[0]!, 500);
	assert.equal(hosts[0]!.outlier.ejected, true);
});

test("a passed health check ends an ejection, unless that is switched off", () => {
	for (const [unejectOnCheck, ejected] of [
		[true, false],
		[false, true],
	] as const) {
		const { hosts, fail, detector } = setUp({ unejectOnCheck });
		fail(hosts[0]!, 5);
		detector.checkPassed(hosts[0]!);
		assert.equal(hosts[0]!.outlier.ejected, ejected);
	}
});

test("jitter lengthens an ejection", () => {
	const { hosts, fail, clock } = setUp({ maxEjectionJitterMs: 60_000 });
	fail(hosts[0]!, 5);
	const { jitterMs } = hosts[0]!.outlier;
	assert.ok(jitterMs > 0 && jitterMs <= 60_000);
	clock.advance(30_000);
	assert.equal(hosts[0]!.outlier.ejected, jitterMs > 0);
	clock.advance(Math.ceil(jitterMs / 10_000) * 10_000);
	assert.equal(hosts[0]!.outlier.ejected, false);
});
