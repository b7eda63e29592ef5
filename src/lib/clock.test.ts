import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { systemClock } from "./clock.ts";

test("a wait that is longer than Node's timers can hold does not end at once", (t) => {
	mock.timers.enable({ apis: ["setTimeout"] });
	t.after(() => mock.timers.reset());
	const longest = 2 ** 31 - 1;
	let fired = 0;
	systemClock.after(2 * longest + 5, () => fired++);
	const cancel = systemClock.after(longest + 1, () => (fired += 100));
	mock.timers.tick(longest);
	cancel();
	mock.timers.tick(longest);
	assert.equal(fired, 0);
	mock.timers.tick(5);
	assert.equal(fired, 1);
});
