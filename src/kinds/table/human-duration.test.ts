import assert from "node:assert/strict";
import { test } from "node:test";
import { ageSince, humanDuration } from "./human-duration.ts";

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

test("durations are written as kubectl writes ages", () => {
	const cases: [number, string][] = [
		[-5 * S, "<invalid>"],
		[0, "0s"],
		[29 * S, "29s"],
		[119 * S, "119s"],
		[2 * M, "2m"],
		[161 * S, "2m41s"],
		[25 * M, "25m"],
		[3 * H, "3h"],
		[3 * H + 5 * M, "3h5m"],
		[18 * H, "18h"],
		[3 * D + H, "3d1h"],
		[3 * D, "3d"],
		[30 * D, "30d"],
		[800 * D, "2y70d"],
		[9 * 365 * D, "9y"],
	];
	for (const [ms, text] of cases) assert.equal(humanDuration(ms), text);
});

test("an age needs a timestamp", () => {
	assert.equal(ageSince("2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:01:30Z")), "90s");
	assert.equal(ageSince(null, 0), "<unknown>");
});
