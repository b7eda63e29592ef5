import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../../lib/clock.ts";
import { Deadlines, Timer } from "./deadlines.ts";

function recorder(clock: ManualClock) {
	const fired: { timer: Timer; atMs: number }[] = [];
	const owner = { onTimer: (timer: Timer) => void fired.push({ timer, atMs: clock.nowMs() }) };
	return { fired, make: () => new Timer(owner) };
}

test("a timer fires once, when its delay is over", () => {
	const clock = new ManualClock();
	const deadlines = new Deadlines(clock);
	const { fired, make } = recorder(clock);
	const timer = make();
	deadlines.arm(timer, 50);
	clock.advance(49);
	assert.equal(fired.length, 0);
	assert.equal(timer.armed, true);
	clock.advance(1);
	assert.deepEqual(fired, [{ timer, atMs: 50 }]);
	assert.equal(timer.armed, false);
	clock.advance(1000);
	assert.equal(fired.length, 1);
});

test("arming again moves the deadline, cancelling takes it away", () => {
	const clock = new ManualClock();
	const deadlines = new Deadlines(clock);
	const { fired, make } = recorder(clock);
	const [moved, cancelled] = [make(), make()];
	deadlines.arm(moved, 50);
	deadlines.arm(cancelled, 50);
	clock.advance(30);
	deadlines.arm(moved, 50);
	cancelled.cancel();
	clock.advance(49);
	assert.equal(fired.length, 0);
	clock.advance(1);
	assert.deepEqual(fired, [{ timer: moved, atMs: 80 }]);
});

test("timers fire at their own times, in whatever order they are armed and cancelled", () => {
	const step = fc.record({
		delay: fc.constantFrom(5, 10, 30),
		wait: fc.integer({ min: 0, max: 12 }),
		cancel: fc.boolean(),
	});
	fc.assert(
		fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
			const clock = new ManualClock();
			const deadlines = new Deadlines(clock);
			const { fired, make } = recorder(clock);
			const expected = new Map<Timer, number>();
			for (const { delay, wait, cancel } of steps) {
				const timer = make();
				deadlines.arm(timer, delay);
				const due = clock.nowMs() + delay;
				clock.advance(wait);
				if (cancel) timer.cancel();
				if (!cancel || due <= clock.nowMs()) expected.set(timer, due);
			}
			clock.advance(100);
			assert.deepEqual(new Map(fired.map(({ timer, atMs }) => [timer, atMs])), expected);
		}),
	);
});
