import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../lib/clock.ts";
import { silentLog } from "./log.ts";
import { createWorkQueue } from "./work-queue.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("a key asked for while it runs runs once more, never twice at a time", async () => {
	const gates: (() => void)[] = [];
	let active = 0;
	const queue = createWorkQueue({
		name: "test",
		clock: new ManualClock(),
		log: silentLog,
		async reconcile() {
			assert.equal(++active, 1);
			await new Promise<void>((resolve) => gates.push(resolve));
			active--;
		},
	});
	for (let i = 0; i < 3; i++) queue.add("a");
	await turn();
	for (let i = 0; i < 3; i++) queue.add("a");
	await turn();
	assert.equal(gates.length, 1);
	gates[0]?.();
	await turn();
	assert.equal(gates.length, 2);
	gates[1]?.();
	await queue.stop();
	assert.equal(gates.length, 2);
});

test("failures come back later and later; a success starts over; the earliest delay counts", async () => {
	const clock = new ManualClock();
	const runs: number[] = [];
	let failing = true;
	const queue = createWorkQueue({
		name: "test",
		clock,
		log: silentLog,
		async reconcile() {
			runs.push(clock.nowMs());
			if (failing) throw new Error("not yet");
		},
	});
	queue.add("a");
	await turn();
	for (const delayMs of [20, 40, 80]) {
		clock.advance(delayMs);
		await turn();
	}
	assert.deepEqual(runs, [0, 20, 60, 140]);
	failing = false;
	clock.advance(160);
	await turn();
	queue.addAfter("a", 500);
	queue.addAfter("a", 100);
	clock.advance(100);
	await turn();
	clock.advance(1000);
	await turn();
	assert.deepEqual(runs.slice(4), [300, 400]);
	await queue.stop();
});
