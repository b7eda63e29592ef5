import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../lib/clock.ts";
import type { ProbeResult } from "./probe.ts";
import { startProber } from "./prober.ts";

/** Runs a prober for `seconds`; `answer` is asked with the seconds since the start. */
async function probe(
	probe: Parameters<typeof startProber>[0]["probe"],
	eager: boolean,
	seconds: number,
	answer: (s: number) => boolean,
) {
	const clock = new ManualClock();
	const seen: string[] = [];
	let tries = 0;
	const at = () => (clock.nowMs() / 1000).toFixed(1);
	const prober = startProber({
		probe,
		clock,
		eager,
		async run(): Promise<ProbeResult> {
			tries++;
			return answer(clock.nowMs() / 1000) ? { ok: true } : { ok: false, message: "no" };
		},
		onVerdict: (ok) => seen.push(`${at()} ${ok}`),
		onFailure: () => seen.push(`${at()} failure`),
	});
	for (let step = 0; step < seconds * 10; step++) {
		for (let turn = 0; turn < 6; turn++) await Promise.resolve();
		clock.advance(100);
	}
	prober.stop();
	return { seen, tries };
}

test("an eager probe sees success within tenths of a second, and then keeps its period", async () => {
	const { seen, tries } = await probe({ periodSeconds: 10 }, true, 25, (s) => s >= 0.5);
	assert.match(seen[0] ?? "", /^0\.[5-7] true$/);
	assert.ok(tries < 10, `${tries} tries`);
});

test("only failures a period apart count towards the threshold", async () => {
	const { seen } = await probe({ periodSeconds: 2, failureThreshold: 2 }, true, 7, () => false);
	assert.equal(seen.filter((line) => line.endsWith("failure")).length, 3);
	assert.match(seen.find((line) => line.endsWith("false")) ?? "", /^[4-6]\./);
});

test("a probe that is not eager waits for its delay and counts every failure", async () => {
	const options = { initialDelaySeconds: 3, periodSeconds: 1, failureThreshold: 2, successThreshold: 2 };
	const { seen } = await probe(options, false, 9, (s) => s >= 6);
	assert.deepEqual(
		seen.map((line) => line.replace(/\.\d/, "")),
		["3 failure", "4 failure", "4 false", "5 failure", "7 true"],
	);
});
