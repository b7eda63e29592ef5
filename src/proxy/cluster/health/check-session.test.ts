import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../../lib/random.ts";
import type { CheckIntervals } from "./check-config.ts";
import { CheckSession, firstCheckMs, nextCheckMs } from "./check-session.ts";

function session(thresholds = { healthyThreshold: 2, unhealthyThreshold: 3 }, pending = false) {
	const state = { failed: true, timedOut: false, pending, degraded: false, excluded: false };
	return { state, session: new CheckSession(state, thresholds) };
}

const PASS = { ok: true, degraded: false } as const;
const NETWORK = { ok: false, failure: "network" } as const;

test("the first success counts at once, later ones by the threshold", () => {
	const { state, session: checks } = session();
	assert.equal(checks.result(PASS), "changed");
	assert.equal(state.failed, false);
	for (const expected of ["pending", "pending", "changed"]) assert.equal(checks.result(NETWORK), expected);
	assert.equal(state.failed, true);
	assert.deepEqual([checks.result(PASS), checks.result(PASS)], ["pending", "changed"]);
	assert.equal(checks.result(PASS), "unchanged");
});

test("an answer that says no takes the host out at once, one that may be tried again does not", () => {
	const { state, session: checks } = session();
	checks.result(PASS);
	assert.equal(checks.result({ ok: false, failure: "active", retriable: true }), "pending");
	assert.equal(state.failed, false);
	assert.equal(checks.result({ ok: false, failure: "active" }), "changed");
	assert.equal(state.failed, true);
});

test("a success in between forgets failures, a failure forgets successes", () => {
	const { state, session: checks } = session();
	checks.result(PASS);
	for (const result of [NETWORK, NETWORK, PASS, NETWORK, NETWORK]) checks.result(result);
	assert.equal(state.failed, false);
	checks.result(NETWORK);
	assert.equal(state.failed, true);
	for (const result of [PASS, NETWORK, PASS]) checks.result(result);
	assert.equal(state.failed, true);
});

test("a timeout is remembered while the host is out and fails that way", () => {
	const { state, session: checks } = session({ healthyThreshold: 1, unhealthyThreshold: 1 });
	checks.result({ ok: false, failure: "timeout" });
	assert.equal(state.timedOut, true);
	checks.result(NETWORK);
	assert.equal(state.timedOut, false);
});

test("the first result ends the wait of a new host, whatever it is", () => {
	for (const result of [PASS, NETWORK]) {
		const { state, session: checks } = session(undefined, true);
		assert.equal(checks.result(result), "changed");
		assert.equal(state.pending, false);
	}
});

test("degraded comes and goes; an excluded host is counted again once it passes", () => {
	const { state, session: checks } = session();
	checks.result(PASS);
	assert.equal(checks.result({ ok: true, degraded: true }), "changed");
	assert.equal(state.degraded, true);
	assert.equal(checks.result(PASS), "changed");
	checks.result({ ok: false, failure: "active", exclude: true });
	assert.equal(state.excluded, true);
	checks.result(PASS);
	assert.equal(checks.result(PASS), "changed");
	assert.equal(state.excluded, false);
});

test("intervals go by state, edges and traffic", () => {
	const intervals: CheckIntervals = {
		baseMs: 10,
		initialJitterMs: 0,
		jitterMs: 0,
		jitterPercent: 0,
		noTrafficMs: 1000,
		noTrafficHealthyMs: 2000,
		unhealthyMs: 20,
		unhealthyEdgeMs: 30,
		healthyEdgeMs: 40,
	};
	const random = seededRandom(1);
	const next = (ok: boolean, transition: "pending" | "unchanged", hadTraffic = true) =>
		nextCheckMs(intervals, { ok, transition, hadTraffic }, random);
	assert.deepEqual([next(true, "unchanged"), next(true, "pending")], [10, 40]);
	assert.deepEqual([next(false, "unchanged"), next(false, "pending")], [20, 30]);
	assert.deepEqual([next(true, "unchanged", false), next(false, "unchanged", false)], [2000, 1000]);
	assert.equal(firstCheckMs(intervals, random), 0);
	const jittered = nextCheckMs(
		{ ...intervals, jitterMs: 100, jitterPercent: 50 },
		{ ok: true, transition: "unchanged", hadTraffic: true },
		random,
	);
	assert.ok(jittered >= 10 && jittered < 115, `${jittered}`);
});
