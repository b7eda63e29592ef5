import assert from "node:assert/strict";
import { test } from "node:test";
import { afterExit, type CrashBackoff, delayMs, formatDelay, remainingMs } from "./crash-backoff.ts";

test("the first restart is at once, then 10 s doubling to 5 min; ten good minutes forgive", () => {
	let backoff: CrashBackoff | undefined;
	const delays = Array.from({ length: 8 }, () => {
		backoff = afterExit(backoff, 1000, 50);
		return delayMs(backoff) / 1000;
	});
	assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
	assert.equal(remainingMs(backoff, 1000 + 299_000), 1000);
	assert.equal(remainingMs(backoff, 1000 + 301_000), 0);
	assert.equal(delayMs(afterExit(backoff, 0, 600_000)), 0);
	assert.deepEqual([10_000, 160_000, 300_000].map(formatDelay), ["10s", "2m40s", "5m0s"]);
});
