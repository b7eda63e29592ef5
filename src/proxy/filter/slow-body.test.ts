import assert from "node:assert/strict";
import { test } from "node:test";
import { testDeps } from "./filter-fixture.ts";
import { SlowBody } from "./slow-body.ts";

function slow(kibPerSecond: number, limitBytes = 0) {
	const { clock } = testDeps();
	const seen: string[] = [];
	let bytes = 0;
	const body = new SlowBody(
		clock,
		{ kibPerSecond, limitBytes },
		{
			send: (piece) => {
				bytes += piece.length;
			},
			pause: () => seen.push("pause"),
			resume: () => seen.push("resume"),
			done: () => seen.push("done"),
		},
	);
	return { clock, body, seen, bytes: () => bytes };
}

test("one tick's worth goes at once, the rest as tokens come", () => {
	const { clock, body, seen, bytes } = slow(1);
	body.take(new Uint8Array(1000));
	assert.equal(bytes(), 51);
	assert.equal(body.end(), false);
	clock.advance(50);
	assert.equal(bytes(), 102);
	clock.advance(1000);
	assert.equal(bytes(), 1000);
	assert.deepEqual(seen, ["done"]);
});

test("little passes at once", () => {
	const { body, bytes } = slow(100);
	body.take(new Uint8Array(1000));
	assert.equal(bytes(), 1000);
	assert.equal(body.end(), true);
});

test("the sender is held back while too much waits", () => {
	const { clock, body, seen } = slow(1, 500);
	body.take(new Uint8Array(600));
	assert.deepEqual(seen, ["pause"]);
	clock.advance(100);
	assert.deepEqual(seen, ["pause", "resume"]);
	body.stop();
});
